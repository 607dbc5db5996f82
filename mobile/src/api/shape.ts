/** A fingerprint of what the API's answers look like, written by `make app-client`. */
export const SHAPE = "4818f2565683f11b";
