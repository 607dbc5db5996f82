/** Which login a token belongs to, what ends it, and what of one is left to the next. */
import { QueryClientProvider } from "@tanstack/react-query";
import { act, fireEvent, render, screen } from "@testing-library/react-native";
import { Pressable, Text } from "react-native";

import { bearerOf, type Held } from "@/api/bearer";
import * as browser from "@/api/keep.web";
import { makeQueries } from "@/api/queries";
import { SessionProvider, useSession } from "@/api/session";

jest.mock("@/api/keep", () => ({ readKept: async () => null, writeKept: async () => undefined }));

function keeper(current: Held | null) {
  return { apiUrl: "http://api", current: () => current, renewed: jest.fn(async () => undefined), ended: jest.fn() };
}
const held = (): Held => ({ token: "t2", refresh: "r2", renewing: null });

describe("a refusal that comes late", () => {
  test("of a token that was replaced meanwhile asks for no other, and goes on with the present one", async () => {
    const [mine, fetched] = [held(), jest.spyOn(globalThis, "fetch").mockRejectedValue(new TypeError("network"))];
    await expect(bearerOf(mine, keeper(mine)).renew("t1")).resolves.toBe("t2");
    expect(fetched).not.toHaveBeenCalled();
  });

  test.each([
    ["of a renewed token that was replaced since", "t1", true, 0],
    ["of the present token", "t2", true, 1],
    ["of a login that another has followed", "t2", false, 0],
  ])("%s ends the login, or does not", (_what, refused, isMine, ends) => {
    const mine = held();
    const kept = keeper(isMine ? mine : held());
    bearerOf(mine, kept).refused(refused);
    expect(kept.ended).toHaveBeenCalledTimes(ends);
  });

  test.each([
    ["nobody", null, { resolves: null }],
    ["somebody else", held(), { rejects: "LOGIN_ENDED" }],
  ])("to a login after which %s is logged in", async (_who, current, { resolves, rejects }: { resolves?: null; rejects?: string }) => {
    const renewed = bearerOf(held(), keeper(current)).renew("t2");
    if (rejects === undefined) await expect(renewed).resolves.toBe(resolves);
    else await expect(renewed).rejects.toMatchObject({ code: rejects, isUncertain: false });
  });
});

const queries = makeQueries();
afterEach(() => queries.clear());

function App() {
  const session = useSession();
  return (
    <>
      <Text>{`${session.state} ${session.email ?? "nobody"}`}</Text>
      <Pressable accessibilityLabel="A in" onPress={() => void session.logIn("a@example.com", "p")} />
      <Pressable accessibilityLabel="B in" onPress={() => void session.logIn("b@example.com", "p")} />
      <Pressable accessibilityLabel="out" onPress={() => void session.logOut()} />
    </>
  );
}

async function open() {
  const sent: { what: string; body: unknown }[] = [];
  jest.spyOn(globalThis, "fetch").mockImplementation((async (request: Request) => {
    sent.push({ what: new URL(request.url).pathname.replace("/api/v1", ""), body: JSON.parse(await request.text()) as unknown });
    return new Response(JSON.stringify({ token: "t1", refresh_token: "r1", expires_in: 900, device_id: "d", password_is_common: false }), { status: 200 });
  }) as typeof fetch);
  render(
    <QueryClientProvider client={queries}>
      <SessionProvider environment={{ name: "test", apiUrl: "http://api" }}>
        <App />
      </SessionProvider>
    </QueryClientProvider>,
  );
  await screen.findByText("out nobody");
  return sent;
}
const press = (label: string) => act(async () => fireEvent.press(screen.getByLabelText(label)));

test("who logs in over another's login meets nothing that the other had read; the same person meets it again", async () => {
  await open();
  await press("A in");
  queries.setQueryData(["risk"], "of A");
  await press("A in");
  expect(queries.getQueryData(["risk"])).toBe("of A");
  await press("B in");
  expect(await screen.findByText("in b@example.com")).toBeTruthy();
  expect(queries.getQueryCache().getAll()).toEqual([]);
});

test("a log-out is told to the API, by the refresh token that it ends", async () => {
  const sent = await open();
  await press("A in");
  await press("out");
  expect(sent.at(-1)).toEqual({ what: "/auth/logout", body: { refresh_token: "r1" } });
});

test("a browser keeps of a login nothing that opens anything, in no store", async () => {
  const stored = new Map<string, string>();
  const store = { getItem: (name: string) => stored.get(name) ?? null, setItem: (name: string, value: string) => void stored.set(name, value), removeItem: (name: string) => void stored.delete(name) };
  Object.defineProperty(window, "localStorage", { value: store, configurable: true });
  Object.defineProperty(window, "sessionStorage", { value: store, configurable: true });
  const names = ["token", "refresh", "device", "email", "push", "preferences", "known"] as const;
  for (const name of names) await browser.writeKept(name, `the ${name}`);
  for (const name of names) expect(await browser.readKept(name)).toBe(`the ${name}`);
  expect([...stored]).toEqual([
    ["preferences", "the preferences"],
    ["known", "the known"],
  ]);
  for (const name of names) await browser.writeKept(name, null);
  for (const name of names) expect(await browser.readKept(name)).toBeNull();
  expect(stored.size).toBe(0);
});
