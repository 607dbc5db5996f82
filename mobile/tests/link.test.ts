/** What a mail's link brings along is read once, and stays nowhere. */

function opened(pathname: string, hash: string) {
  const replaceState = jest.fn();
  Object.assign(globalThis.window, { location: { pathname, hash }, history: { state: null, replaceState } });
  let take: () => string = () => "";
  jest.isolateModules(() => {
    take = (jest.requireActual("@/api/link") as { takeLinkCode: () => string }).takeLinkCode;
  });
  return { take, replaceState };
}

test.each(["/confirm", "/reset", "/verify"])("the code after the # of %s is taken out of the address, and is there once", (path) => {
  const { take, replaceState } = opened(path, "#abc.def");
  expect(replaceState).toHaveBeenCalledWith(null, "", path);
  expect(take()).toBe("abc.def");
  expect(take()).toBe("");
});

test("other pages keep their address, and a page without a code has none", () => {
  expect(opened("/strategy/1", "#abc").replaceState).not.toHaveBeenCalled();
  expect(opened("/reset", "").take()).toBe("");
});
