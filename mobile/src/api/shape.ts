/** A fingerprint of what the API's answers look like, written by `make app-client`. */
export const SHAPE = "301d7612e30d7782";
