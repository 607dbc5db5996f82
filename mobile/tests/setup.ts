jest.mock("expo-crypto", () => {
  let count = 0;
  return { randomUUID: () => `key-${(count += 1)}` };
});
