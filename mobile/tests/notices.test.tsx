import { act, fireEvent, screen, waitFor, within } from "@testing-library/react-native";
import { readFileSync } from "node:fs";

import type { Delivery, Notice, Preferences } from "@/api/notices";
import Inbox from "@/app/(tabs)/inbox";
import Deliveries from "@/app/notifications/deliveries";
import NoticePreferences from "@/app/notifications/preferences";
import { groupsOf, NOTICE_GROUPS, screenOf } from "@/rules/notices";
import { en } from "@/words/en";

import { api, ok, refused, show, type Answers } from "./stage";

const mockPush = jest.fn();
jest.mock("expo-router", () => ({ router: { push: (path: string) => mockPush(path) }, usePathname: () => "/inbox" }));
jest.mock("@/api/keep", () => ({ readKept: async (name: string) => (name === "token" ? "t" : null), writeKept: async () => undefined }));

beforeEach(() => mockPush.mockClear());

const BOUGHT: Notice = {
  notice_id: 7,
  kind: "bought",
  text: "bought 10 at 3520.25 on average",
  created_at: "2026-11-26T04:00:12Z",
  strategy_id: "5a3c0f0e-0000-4000-8000-000000000001",
  account_id: null,
  symbol: "TCS",
  read_at: null,
};
const KILLED: Notice = { ...BOUGHT, notice_id: 6, kind: "killed", text: "the kill switch is on: release it (POST /risk/release)", strategy_id: null, symbol: null };
const STRANGE: Notice = { ...KILLED, notice_id: 5, kind: "moon_is_full", text: "it is", read_at: "2026-11-26T05:00:00Z" };

describe("the rules of notices", () => {
  const documented = [...readFileSync("../docs/notifications.md", "utf8").matchAll(/^\| ((?:`[a-z_]+`(?:, )?)+) \|/gm)].flatMap(([, cell]) =>
    [...(cell ?? "").matchAll(/`([a-z_]+)`/g)].map(([, kind]) => kind),
  );

  test("know every documented kind, and no other", () => {
    expect(documented.length).toBeGreaterThan(30);
    expect(Object.values(NOTICE_GROUPS).flat().toSorted()).toEqual(documented.toSorted());
    expect(Object.keys(en.notices.kinds).toSorted()).toEqual(documented.toSorted());
  });

  test("lead to the strategy first, else to what was spoken of, else nowhere", () => {
    expect(screenOf(BOUGHT)).toBe(`/strategy/${BOUGHT.strategy_id}`);
    expect(screenOf(KILLED)).toBe("/kill");
    expect(screenOf({ kind: "password_changed", strategy_id: null })).toBe("/devices");
    expect(screenOf({ kind: "channel_set", strategy_id: null })).toBe("/notifications/preferences");
    expect(screenOf(STRANGE)).toBeNull();
    for (const kind of ["constructor", "toString", "__proto__"]) expect(screenOf({ kind, strategy_id: null })).toBeNull();
  });

  test("keep kinds that the app does not know", () => {
    expect(groupsOf(["sold", "moon_is_full"])).toEqual([
      { group: "orders", kinds: ["sold"] },
      { group: "other", kinds: ["moon_is_full"] },
    ]);
  });
});

describe("the inbox", () => {
  test("opens the strategy of a notice, and shows it as read only when the API does", async () => {
    let isRead = false;
    let taken: () => void = () => undefined;
    const sent = api({
      "GET /notifications": () => ok({ notices: [{ ...BOUGHT, read_at: isRead ? "2026-11-26T05:00:00Z" : null }, KILLED, STRANGE], unread: isRead ? 1 : 2, next_cursor: null }),
      "POST /notifications/read": () => {
        taken();
        return ok({ read: 1 });
      },
    });
    taken = () => (isRead = true);
    await show(<Inbox />);
    await screen.findByText("2 unread");
    expect(screen.getAllByText("New")).toHaveLength(2);
    expect(screen.getByText("moon is full")).toBeTruthy();
    expect(screen.getByText("the kill switch is on: release it")).toBeTruthy();
    expect(screen.getAllByText("2026-11-26 09:30:12 IST")).toHaveLength(3);
    await act(async () => fireEvent.press(screen.getByTestId("notice-bought")));
    expect(mockPush).toHaveBeenCalledWith(`/strategy/${BOUGHT.strategy_id}`);
    await screen.findByText("1 unread");
    expect(screen.getAllByText("New")).toHaveLength(1);
    expect(sent.filter(({ what }) => what.startsWith("POST")).map(({ body }) => body)).toEqual([{ notice_ids: [7] }]);
  });

  test("stays unread when the API refuses, and says why", async () => {
    api({
      "GET /notifications": () => ok({ notices: [BOUGHT], unread: 1, next_cursor: null }),
      "POST /notifications/read": () => refused(503, "DATABASE_UNAVAILABLE"),
    });
    await show(<Inbox />);
    const markAll = await screen.findByTestId("mark-all");
    await act(async () => fireEvent.press(markAll));
    await screen.findByText(en.problems.DATABASE_UNAVAILABLE);
    expect(screen.getByText("1 unread")).toBeTruthy();
    expect(screen.getByText("New")).toBeTruthy();
  });

  test("goes on where the page before ended, and a notice without a screen leads nowhere", async () => {
    const sent = api({
      "GET /notifications": ({ query }) =>
        query.get("cursor") === "7" ? ok({ notices: [STRANGE], unread: 1, next_cursor: null }) : ok({ notices: [BOUGHT], unread: 1, next_cursor: 7 }),
    });
    await show(<Inbox />);
    const older = await screen.findByTestId("older");
    await act(async () => fireEvent.press(older));
    fireEvent.press(await screen.findByTestId("notice-moon_is_full"));
    expect(mockPush).not.toHaveBeenCalled();
    expect(sent.every(({ what }) => what === "GET /notifications")).toBe(true);
    expect(screen.queryByTestId("older")).toBeNull();
  });
});

const OFF = { status: "off", target: null } as const;
const PREFERENCES: Omit<Preferences, "tag"> = {
  kinds: { bought: ["email", "webhook", "telegram"], buy_accepted: ["webhook"], password_changed: ["email", "webhook"], moon_is_full: ["email"] },
  email: { status: "on", target: "a@example.com" },
  webhook: OFF,
  telegram: OFF,
  push: { status: "off", devices: [] },
  sms: OFF,
};

describe("what is sent where", () => {
  test("shows switches only for channels that are there, and stores the whole choice", async () => {
    let stored = PREFERENCES;
    const sent = api({
      "GET /notifications/preferences": () => ok(stored),
      "PUT /notifications/preferences": ({ body }) => {
        stored = { ...stored, kinds: (body as { kinds: Preferences["kinds"] }).kinds };
        return ok(stored);
      },
    });
    await show(<NoticePreferences />);
    const mail = await screen.findByLabelText("Bought: by Mail");
    expect(screen.queryByLabelText("Bought: by Webhook")).toBeNull();
    expect(screen.getByTestId("password_changed-email").props).toMatchObject({ disabled: true });
    fireEvent(mail, "valueChange", false);
    // Its words turn a switch as well, as often as they are pressed.
    const words = within(screen.getByTestId("buy_accepted-switches")).getByText("Mail");
    fireEvent.press(words);
    fireEvent.press(words);
    expect(screen.getByTestId("buy_accepted-email").props.value).toBe(false);
    fireEvent.press(words);
    expect(screen.getByText("Not stored yet.")).toBeTruthy();
    await act(async () => fireEvent.press(screen.getByTestId("save-choice")));
    await screen.findByTestId("choice-saved");
    const [put] = sent.filter(({ what }) => what.startsWith("PUT"));
    expect(put?.body).toEqual({
      kinds: { bought: ["webhook", "telegram"], buy_accepted: ["webhook", "email"], password_changed: ["email", "webhook"], moon_is_full: ["email"] },
    });
    expect(screen.getByTestId("bought-email").props.value).toBe(false);
  });

  test("a choice that another device has made since is not overwritten unseen, and what was touched is kept", async () => {
    let stored = PREFERENCES;
    let tag = '"seen"';
    const read = () => ({ ...ok(stored), headers: { ETag: tag } });
    const sent = api({
      "GET /notifications/preferences": read,
      "PUT /notifications/preferences": ({ headers, body }) => {
        if (headers?.get("If-Match") !== tag) return refused(412, "PRECONDITION_FAILED");
        stored = { ...stored, kinds: (body as { kinds: Preferences["kinds"] }).kinds };
        return read();
      },
    });
    await show(<NoticePreferences />);
    fireEvent(await screen.findByTestId("bought-email"), "valueChange", false);
    stored = { ...stored, kinds: { ...stored.kinds, buy_accepted: ["webhook", "email"] } };
    tag = '"changed"';
    await act(async () => fireEvent.press(screen.getByTestId("save-choice")));
    await screen.findByText(en.problems.PRECONDITION_FAILED);
    // The other device's choice is read and shown by now; saved again, both hold.
    await waitFor(() => expect(screen.getByTestId("buy_accepted-email").props.value).toBe(true));
    await act(async () => fireEvent.press(screen.getByTestId("save-choice")));
    await screen.findByTestId("choice-saved");
    expect(stored.kinds).toMatchObject({ bought: ["webhook", "telegram"], buy_accepted: ["webhook", "email"] });
    expect(sent.filter(({ what }) => what.startsWith("PUT")).map(({ headers }) => headers?.get("If-Match"))).toEqual(['"seen"', '"changed"']);
  });

  test("a choice that was not taken is not called stored, and is still there to be sent again", async () => {
    api({ "GET /notifications/preferences": () => ok(PREFERENCES), "PUT /notifications/preferences": () => refused(500, "INTERNAL") });
    await show(<NoticePreferences />);
    fireEvent(await screen.findByTestId("bought-email"), "valueChange", false);
    await act(async () => fireEvent.press(screen.getByTestId("save-choice")));
    await screen.findByText(en.problems.INTERNAL);
    expect(screen.queryByTestId("choice-saved")).toBeNull();
    expect(screen.getByTestId("bought-email").props.value).toBe(false);
    expect(screen.getByText("Not stored yet.")).toBeTruthy();
  });

  test("a webhook's secret is shown once, a refused address says what is wrong with it", async () => {
    let isOn = false;
    api({
      "GET /notifications/preferences": () => ok({ ...PREFERENCES, webhook: isOn ? { status: "on", target: "https://hooks.example.com/x" } : OFF }),
      "PUT /notifications/webhook": ({ body }) => {
        const { url } = body as { url: string };
        if (url.startsWith("http:")) return refused(400, "REQUEST_INVALID", [{ field: "url", problem: "must be https" }]);
        isOn = true;
        return ok({ url, secret: "whsec_c2VjcmV0" });
      },
    });
    await show(<NoticePreferences />);
    fireEvent.changeText(await screen.findByTestId("webhook-url"), "http://hooks.example.com/x");
    await act(async () => fireEvent.press(screen.getByTestId("set-webhook")));
    await screen.findByText("Must be https");
    expect(screen.queryByTestId("webhook-secret")).toBeNull();
    fireEvent.changeText(screen.getByTestId("webhook-url"), " https://hooks.example.com/x ");
    await act(async () => fireEvent.press(screen.getByTestId("set-webhook")));
    expect((await screen.findByTestId("webhook-secret")).props.children).toBe("whsec_c2VjcmV0");
    await screen.findByLabelText("Bought: by Webhook");
    expect(screen.getByText("https://hooks.example.com/x")).toBeTruthy();
  });

  test("a chat is on only when its code has come back", async () => {
    let telegram: Preferences["telegram"] = OFF;
    const sent = api({
      "GET /notifications/preferences": () => ok({ ...PREFERENCES, telegram }),
      "PUT /notifications/telegram": () => {
        telegram = { status: "unconfirmed", target: "42" };
        return ok({ status: "asked" });
      },
      "POST /notifications/telegram/confirm": ({ body }) => {
        if ((body as { code: string }).code !== "abc") return refused(400, "LINK_INVALID");
        telegram = { status: "on", target: "42" };
        return ok({ status: "on" });
      },
    });
    await show(<NoticePreferences />);
    fireEvent.changeText(await screen.findByTestId("chat"), "my chat");
    expect(screen.getByText("Must be a whole number, as Telegram numbers chats")).toBeTruthy();
    fireEvent.press(screen.getByTestId("ask-chat"));
    expect(sent.some(({ what }) => what.startsWith("PUT"))).toBe(false);
    fireEvent.changeText(screen.getByTestId("chat"), "42");
    await act(async () => fireEvent.press(screen.getByTestId("ask-chat")));
    await screen.findByText("Not confirmed: nothing is sent there yet");
    fireEvent.changeText(screen.getByTestId("chat-code"), "wrong");
    await act(async () => fireEvent.press(screen.getByTestId("confirm-chat")));
    await screen.findByText(en.problems.LINK_INVALID);
    fireEvent.changeText(screen.getByTestId("chat-code"), "abc");
    await act(async () => fireEvent.press(screen.getByTestId("confirm-chat")));
    await waitFor(() => expect(screen.queryByTestId("chat-code")).toBeNull());
    expect(screen.getByLabelText("Bought: by Telegram")).toBeTruthy();
  });
});

describe("where a fresh code is asked for, it is taken, and is followed by", () => {
  test.each([
    ["webhook", "webhook-url", "https://hooks.example.com/x", "set-webhook", { url: "https://hooks.example.com/x" }],
    ["telegram", "chat", "42", "ask-chat", { chat_id: "42" }],
    ["sms", "mobile", "+919876543210", "ask-mobile", { number: "+919876543210" }],
  ])("%s", async (channel, field, entered, button, asked) => {
    const put = `PUT /notifications/${channel}`;
    const answers: Answers = {
      "GET /notifications/preferences": () => ok(PREFERENCES),
      [put]: () => refused(403, "FRESH_CODE_NEEDED"),
      "POST /auth/second-factor/verify": () => {
        answers[put] = () => ok({ status: "asked", url: entered, secret: "whsec_c2VjcmV0", target: "+91******3210" });
        return ok({ fresh_until: "2026-11-27T10:00:00Z" });
      },
    };
    const sent = api(answers);
    await show(<NoticePreferences />);
    fireEvent.changeText(await screen.findByTestId(field), entered);
    await act(async () => fireEvent.press(screen.getByTestId(button)));
    await screen.findByText(en.problems.FRESH_CODE_NEEDED);
    fireEvent.changeText(screen.getByTestId("code"), "492039");
    await act(async () => fireEvent.press(screen.getByTestId("show-code")));
    await waitFor(() => expect(screen.queryByTestId("show-code")).toBeNull());
    const changes = sent.filter(({ what }) => !what.startsWith("GET"));
    expect(changes.map(({ what }) => what)).toEqual([put, "POST /auth/second-factor/verify", put]);
    expect(changes.map(({ body }) => body)).toEqual([asked, { code: "492039" }, asked]);
  });
});

describe("SMS", () => {
  test("is on only when its code has come back, and shows four digits of the number", async () => {
    let sms: Preferences["sms"] = OFF;
    const sent = api({
      "GET /notifications/preferences": () => ok({ ...PREFERENCES, sms }),
      "PUT /notifications/sms": ({ body }) => {
        const { number } = body as { number: string };
        if (number.startsWith("+1")) return refused(400, "REQUEST_INVALID", [{ field: "number", problem: "must be a mobile number, with its country's code, of IN" }]);
        sms = { status: "unconfirmed", target: "+91******3210" };
        return ok({ status: "asked", target: sms.target });
      },
      "POST /notifications/sms/confirm": ({ body }) => {
        if ((body as { code: string }).code !== "204671") return refused(400, "LINK_INVALID");
        sms = { status: "on", target: "+91******3210" };
        return ok({ status: "on" });
      },
      "DELETE /notifications/sms": () => {
        sms = OFF;
        return ok({ status: "off" });
      },
    });
    await show(<NoticePreferences />);
    fireEvent.changeText(await screen.findByTestId("mobile"), "my phone");
    expect(screen.getByText("Must be a mobile number, as +91 98765 43210")).toBeTruthy();
    fireEvent.press(screen.getByTestId("ask-mobile"));
    expect(sent.some(({ what }) => what.startsWith("PUT"))).toBe(false);
    fireEvent.changeText(screen.getByTestId("mobile"), "+14155550100");
    await act(async () => fireEvent.press(screen.getByTestId("ask-mobile")));
    await screen.findByText("Must be a mobile number, with its country's code, of IN");
    expect(screen.queryByLabelText("Bought: by SMS")).toBeNull();
    fireEvent.changeText(screen.getByTestId("mobile"), "98765 43210");
    await act(async () => fireEvent.press(screen.getByTestId("ask-mobile")));
    await screen.findByText("+91******3210");
    expect(screen.getByText(en.notices.preferences.sms.asked)).toBeTruthy();
    fireEvent.changeText(screen.getByTestId("mobile-code"), "000000");
    await act(async () => fireEvent.press(screen.getByTestId("confirm-mobile")));
    await screen.findByText(en.problems.LINK_INVALID);
    fireEvent.changeText(screen.getByTestId("mobile-code"), "204671");
    await act(async () => fireEvent.press(screen.getByTestId("confirm-mobile")));
    await waitFor(() => expect(screen.queryByTestId("mobile-code")).toBeNull());
    expect(screen.getByLabelText("Bought: by SMS").props.value).toBe(false);
  });

  test("says when a day's codes are used up", async () => {
    api({ "GET /notifications/preferences": () => ok(PREFERENCES), "PUT /notifications/sms": () => refused(429, "TOO_MANY_TRIES") });
    await show(<NoticePreferences />);
    fireEvent.changeText(await screen.findByTestId("mobile"), "+919876543210");
    await act(async () => fireEvent.press(screen.getByTestId("ask-mobile")));
    await screen.findByText(en.problems.TOO_MANY_TRIES);
  });

  test("is not there where none is sent", async () => {
    api({ "GET /notifications/preferences": () => ok({ ...PREFERENCES, sms: { status: "unavailable", target: null } }) });
    await show(<NoticePreferences />);
    await screen.findByTestId("chat");
    expect(screen.queryByTestId("mobile")).toBeNull();
    expect(screen.queryByLabelText("Bought: by SMS")).toBeNull();
  });
});

test("the log of deliveries says what a channel took, what is on its way and what was given up", async () => {
  const sold: Delivery = { notice_id: 9, kind: "sold", channel: "email", state: "delivered", attempts: 1, created_at: BOUGHT.created_at, ended_at: BOUGHT.created_at, next_try_at: null, last_error: null };
  api({
    "GET /notifications/deliveries": () =>
      ok({
        deliveries: [
          sold,
          { ...sold, channel: "webhook", state: "waiting", attempts: 3, ended_at: null, next_try_at: "2026-11-26T04:02:00Z", last_error: "503" },
          { ...sold, channel: "telegram", state: "given_up", attempts: 12, last_error: "chat not found" },
        ],
        next_cursor: null,
      }),
  });
  await show(<Deliveries />);
  await screen.findByText("Taken by the channel");
  expect(screen.getByText("Mail, one try · 2026-11-26 09:30:12 IST")).toBeTruthy();
  expect(screen.getByText("On its way: not taken yet")).toBeTruthy();
  expect(screen.getByText("Next try at 09:32:00 IST.")).toBeTruthy();
  expect(screen.getByText("Given up")).toBeTruthy();
  expect(screen.getByText("The channel answered: chat not found")).toBeTruthy();
});
