/** A fingerprint of what the API's answers look like, written by `make app-client`. */
export const SHAPE = "f997c844be919c46";
