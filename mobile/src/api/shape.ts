/** A fingerprint of what the API's answers look like, written by `make app-client`. */
export const SHAPE = "21ebb56d4b8acdd6";
