/** A fingerprint of what the API's answers look like, written by `make app-client`. */
export const SHAPE = "db9d05bfdf078d68";
