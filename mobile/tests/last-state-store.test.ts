/** One file of the phone's caches: taken once, replaced as a whole, gone when it is to be. */
import { keepLastState, takeLastState } from "@/api/last-state-store";
import * as browser from "@/api/last-state-store.web";

const mockFiles = new Map<string, string>();
let mockIsUnreadable = false;
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
    textSync() {
      if (mockIsUnreadable) throw new Error("unreadable");
      return mockFiles.get(this.uri);
    }
    delete() {
      if (!mockFiles.delete(this.uri)) throw new Error("there is none");
    }
  },
}));

test("what is kept is taken once", () => {
  expect(takeLastState()).toBeNull();
  keepLastState("one");
  keepLastState("two");
  expect(takeLastState()).toBe("two");
  expect(takeLastState()).toBeNull();
});

test("what is forgotten is gone, again and again", () => {
  keepLastState("one");
  keepLastState(null);
  keepLastState(null);
  expect(mockFiles.size).toBe(0);
});

test("what cannot be read is not met again", () => {
  keepLastState("one");
  mockIsUnreadable = true;
  expect(takeLastState).toThrow("unreadable");
  expect(mockFiles.size).toBe(0);
});

test("a browser keeps nothing", () => {
  browser.keepLastState("one");
  expect(browser.takeLastState()).toBeNull();
});
