/** Taking everything along, and leaving, in English. */
export const accountData = {
  title: "Your data",
  take: "Take everything along",
  takeHow: "One file (JSON) with everything that is kept of you, section by section, without passwords and keys.",
  collect: "Collect my data",
  collecting: (pages: number) => (pages === 0 ? "Collecting." : `Collecting: ${pages} ${pages === 1 ? "part" : "parts"} so far.`),
  save: "Save the file",
  share: "Share the file",
  ready: (rows: string, sections: number, size: string) => `Complete: ${rows} rows in ${sections} sections, ${size}.`,
  handed: { saved: "Handed to your browser's downloads.", shared: "Handed to the phone." },
  notShared: "This phone has no app to share a file with.",
  leave: "Delete the account",
  leaveHow:
    "Your e-mail, password, second factor, broker connection, channels and devices are forgotten. Orders, trades and the audit trail stay, as the law asks, under an identifier that names nobody.",
  stopFirst: "Strategies must be stopped and settled first. Save your data first, too: afterwards nobody can.",
  arm: "I want my account deleted for good",
  password: "Password",
  fire: "Delete the account for good",
  ask: "It cannot be undone. Nobody, support included, can bring it back.",
  first: "First turn the switch on and enter your password, then press the button.",
  deleted: "Your account is deleted. Nobody can log in to it any more.",
  toStart: "To the start",
};
