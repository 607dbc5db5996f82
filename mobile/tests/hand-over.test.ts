/** A phone's share sheet gets the whole file, and nothing of it is kept afterwards. */
import { forgetHanded, handOver } from "@/ui/hand-over";

const mockFiles = new Map<string, string>();
const mockShare = jest.fn(async (_uri: string, _how: { mimeType: string }) => undefined);
let mockCanShare = true;

jest.mock("expo-file-system", () => ({
  Paths: { cache: "cache" },
  File: class {
    readonly uri: string;
    constructor(folder: string, name: string) {
      this.uri = `${folder}/${name}`;
    }
    get exists() {
      return mockFiles.has(this.uri);
    }
    create({ overwrite }: { overwrite: boolean }) {
      if (this.exists && !overwrite) throw new Error("it is there already");
      mockFiles.set(this.uri, "");
    }
    write(text: string) {
      mockFiles.set(this.uri, text);
    }
    delete() {
      if (!mockFiles.delete(this.uri)) throw new Error("there is none");
    }
  },
}));
jest.mock("expo-sharing", () => ({
  isAvailableAsync: async () => mockCanShare,
  shareAsync: (uri: string, how: { mimeType: string }) => mockShare(uri, how),
}));

test("the file is shared, again and again, and gone when the screen is left", async () => {
  expect(await handOver("data.json", "one")).toBe(true);
  expect(await handOver("data.json", "two")).toBe(true);
  expect(mockFiles.get("cache/data.json")).toBe("two");
  expect(mockShare).toHaveBeenLastCalledWith("cache/data.json", { mimeType: "application/json", UTI: "public.json" });
  forgetHanded("data.json");
  forgetHanded("data.json");
  expect(mockFiles.size).toBe(0);
});

test("a phone that cannot share says so, and nothing is written", async () => {
  mockCanShare = false;
  expect(await handOver("data.json", "one")).toBe(false);
  expect(mockFiles.size).toBe(0);
});
