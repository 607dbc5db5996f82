/** A fingerprint of what the API's answers look like, written by `make app-client`. */
export const SHAPE = "3b64a9bba345cb8e";
