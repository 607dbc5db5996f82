/** A fingerprint of what the API's answers look like, written by `make app-client`. */
export const SHAPE = "ed79c15d64f26367";
