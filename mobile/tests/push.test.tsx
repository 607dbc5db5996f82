import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, fireEvent, render, screen, waitFor } from "@testing-library/react-native";
import { PaperProvider } from "react-native-paper";

import { SessionProvider, useSession, type Session } from "@/api/session";
import { PushChannel } from "@/ui/push-channel";
import { Pushes } from "@/ui/pushes";
import { en } from "@/words/en";

import { api, ok, refused, type Answers } from "./stage";

const DEVICE = "5a3c0f0e-0000-4000-8000-0000000000aa";
const OTHER = "5a3c0f0e-0000-4000-8000-0000000000bb";
const STRATEGY = "5a3c0f0e-0000-4000-8000-000000000001";
const TOKEN = "ExponentPushToken[phone]";
const words = en.notices.preferences;

jest.mock("expo", () => ({ ...jest.requireActual("expo"), isRunningInExpoGo: () => false }));

const mockKept = new Map<string, string>();
jest.mock("@/api/keep", () => ({
  readKept: async (name: string) => mockKept.get(name) ?? null,
  writeKept: async (name: string, value: string | null) => void (value === null ? mockKept.delete(name) : mockKept.set(name, value)),
}));

const mockPush = jest.fn();
let mockNavigation: { key: string } | undefined;
jest.mock("expo-router", () => ({ router: { push: (path: string) => mockPush(path) }, useRootNavigationState: () => mockNavigation }));

type Response = { actionIdentifier: string; notification: { request: { content: { data: unknown } } } };
const mockPhone = {
  isAllowed: true,
  token: TOKEN as string | null,
  asked: 0,
  unregistered: 0,
  cleared: 0,
  response: null as Response | null,
  listener: null as (() => void) | null,
};
jest.mock("expo-notifications", () => ({
  DEFAULT_ACTION_IDENTIFIER: "default",
  AndroidImportance: { HIGH: 6 },
  setNotificationHandler: () => undefined,
  setNotificationChannelAsync: async () => null,
  requestPermissionsAsync: async () => {
    mockPhone.asked += 1;
    return { granted: mockPhone.isAllowed };
  },
  getPermissionsAsync: async () => ({ granted: mockPhone.isAllowed }),
  getExpoPushTokenAsync: async () => {
    if (mockPhone.token === null) throw new Error("ERR_NOTIFICATIONS_NO_EXPERIENCE_ID");
    return { type: "expo", data: mockPhone.token };
  },
  addPushTokenListener: (listener: () => void) => {
    mockPhone.listener = listener;
    return { remove: () => (mockPhone.listener = null) };
  },
  unregisterForNotificationsAsync: async () => void (mockPhone.unregistered += 1),
  useLastNotificationResponse: () => mockPhone.response,
  clearLastNotificationResponse: () => void (mockPhone.cleared += 1),
}));

let queries: QueryClient;
beforeEach(() => {
  queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  mockPush.mockClear();
  mockKept.clear();
  for (const [name, value] of [["token", "t"], ["refresh", "r"], ["device", DEVICE], ["email", "a@example.com"]] as const) mockKept.set(name, value);
  Object.assign(mockPhone, { isAllowed: true, token: TOKEN, asked: 0, unregistered: 0, cleared: 0, response: null, listener: null });
  mockNavigation = { key: "root" };
});
afterEach(() => queries.clear());

/** What was asked of the phone and the API has been answered, and is shown. */
const settled = () => act(async () => void (await new Promise((done) => setTimeout(done, 0))));

let session: Session;
function Inside({ children }: { children: React.ReactNode }) {
  session = useSession();
  return session.state === "unknown" ? null : children;
}

function app(children: React.ReactNode) {
  return (
    <QueryClientProvider client={queries}>
      <SessionProvider environment={{ name: "test", apiUrl: "http://api" }}>
        <PaperProvider settings={{ icon: () => null }}>
          <Inside>{children}</Inside>
        </PaperProvider>
      </SessionProvider>
    </QueryClientProvider>
  );
}

async function start(answers: Answers, children: React.ReactNode = <Pushes />) {
  const sent = api(answers);
  const shown = render(app(children));
  await settled();
  const again = async () => {
    shown.rerender(app(children));
    await settled();
  };
  return { sent, again };
}

const PUT = `PUT /notifications/push/${DEVICE}`;
const DELETE = `DELETE /notifications/push/${DEVICE}`;
const TAKEN: Answers = { [PUT]: () => ok({ status: "on" }), [DELETE]: () => ok({ status: "off" }) };
const panel = (devices: string[] = []) => <PushChannel push={{ status: devices.length > 0 ? "on" : "off", devices }} />;

async function turn(isOn: boolean) {
  await act(async () => fireEvent(screen.getByTestId("push-here"), "valueChange", isOn));
  await settled();
}

describe("the switch", () => {
  test("asks the phone's owner only when it is turned, and registers this login's token", async () => {
    const { sent } = await start(TAKEN, panel());
    expect([mockPhone.asked, sent]).toEqual([0, []]);
    expect(screen.getByText("Off")).toBeTruthy();
    await turn(true);
    expect(mockPhone.asked).toBe(1);
    expect(sent).toMatchObject([{ what: PUT, body: { token: TOKEN } }]);
    expect(mockKept.get("push")).toBe("on");
  });

  test("is shown as the API has it, not as it was pressed", async () => {
    await start(TAKEN, panel([OTHER]));
    expect(screen.getByText("On, on one phone")).toBeTruthy();
    await turn(true);
    expect(screen.getByTestId("push-here").props.value).toBe(false);
  });

  test("sends nothing when the phone does not allow it, and says where that is changed", async () => {
    mockPhone.isAllowed = false;
    const { sent } = await start(TAKEN, panel());
    await turn(true);
    await screen.findByText(words.pushDenied);
    expect([sent, mockKept.get("push")]).toEqual([[], undefined]);
  });

  test("sends nothing when the phone has no token, and says so without calling it a fault of the API's", async () => {
    mockPhone.token = null;
    const { sent } = await start(TAKEN, panel());
    await turn(true);
    await screen.findByText(words.pushNoToken);
    expect([sent, mockKept.get("push")]).toEqual([[], undefined]);
  });

  test("does not remember what the API refused", async () => {
    await start({ [PUT]: () => refused(503, "DATABASE_UNAVAILABLE") }, panel());
    await turn(true);
    await screen.findByText(en.problems.DATABASE_UNAVAILABLE);
    expect(mockKept.get("push")).toBeUndefined();
  });

  test("turned off takes this phone away, also when it is gone already", async () => {
    mockKept.set("push", "on");
    const { sent } = await start({ [DELETE]: () => refused(404, "NOT_FOUND") }, panel([DEVICE]));
    await turn(false);
    await waitFor(() => expect(sent.map(({ what }) => what)).toEqual([DELETE]));
    expect(mockKept.get("push")).toBeUndefined();
    expect(screen.queryByTestId("problem")).toBeNull();
  });
});

describe("the token", () => {
  test("is told again at every start, and when the phone gets another", async () => {
    mockKept.set("push", "on");
    const { sent } = await start(TAKEN);
    expect(sent.map(({ what, body }) => [what, body])).toEqual([[PUT, { token: TOKEN }]]);
    mockPhone.token = "ExponentPushToken[next]";
    await act(async () => mockPhone.listener?.());
    expect(sent.at(-1)?.body).toEqual({ token: "ExponentPushToken[next]" });
    expect(mockPhone.asked).toBe(0);
  });

  test("is asked of nobody who wants no pushes", async () => {
    const { sent } = await start(TAKEN);
    expect([sent, mockPhone.asked]).toEqual([[], 0]);
  });

  test("goes with the next login on this phone", async () => {
    mockKept.set("push", "on");
    const { sent } = await start({
      ...TAKEN,
      "POST /auth/login": () => ok({ token: "t2", refresh_token: "r2", expires_in: 900, device_id: OTHER }),
      [`PUT /notifications/push/${OTHER}`]: () => ok({ status: "on" }),
    });
    await act(async () => session.logIn("a@example.com", "password"));
    expect(sent.at(-1)).toMatchObject({ what: `PUT /notifications/push/${OTHER}`, body: { token: TOKEN } });
    expect(mockKept.get("device")).toBe(OTHER);
  });

  test("is given up by a log-out, whether or not the API is there", async () => {
    mockKept.set("push", "on");
    await start({ ...TAKEN, "POST /auth/logout": () => refused(503, "DATABASE_UNAVAILABLE") });
    await act(async () => session.logOut());
    expect([mockPhone.unregistered, mockKept.get("push"), mockKept.get("device")]).toEqual([1, undefined, undefined]);
  });
});

const tapped = (data: unknown, action = "default"): Response => ({ actionIdentifier: action, notification: { request: { content: { data } } } });
const READ: Answers = { "POST /notifications/read": () => ok({ read: 1 }) };

describe("a tap", () => {
  test("opens the strategy and marks the notice as read, once", async () => {
    const { sent, again } = await start(READ);
    mockPhone.response = tapped({ notice_id: 7, kind: "sold", strategy_id: STRATEGY });
    await again();
    await again();
    expect(mockPush.mock.calls).toEqual([[`/strategy/${STRATEGY}`]]);
    expect(sent.map(({ body }) => body)).toEqual([{ notice_ids: [7] }]);
    expect(mockPhone.cleared).toBe(1);
  });

  test("that has started the app waits until there is a screen to open", async () => {
    mockNavigation = undefined;
    mockPhone.response = tapped({ notice_id: 7, kind: "sold", strategy_id: STRATEGY });
    const { again } = await start(READ);
    expect(mockPush).not.toHaveBeenCalled();
    mockNavigation = { key: "root" };
    await again();
    expect(mockPush.mock.calls).toEqual([[`/strategy/${STRATEGY}`]]);
  });

  test.each([
    ["a switch", { notice_id: 6, kind: "killed", strategy_id: null }, "/kill"],
    ["what this app does not know yet", { notice_id: 5, kind: "moon_is_full", strategy_id: null }, "/inbox"],
    ["what is no strategy's name", { notice_id: 4, kind: "sold", strategy_id: "../../account-data" }, "/inbox"],
  ])("on %s leads there", async (_, data, screenPath) => {
    mockPhone.response = tapped(data);
    await start(READ);
    expect(mockPush.mock.calls).toEqual([[screenPath]]);
  });

  test.each([["a push that is none of ours", tapped({ url: "https://elsewhere" })], ["a swipe", tapped({ notice_id: 7, kind: "sold", strategy_id: STRATEGY }, "dismiss")]])(
    "on %s opens nothing",
    async (_, response) => {
      mockPhone.response = response;
      const { sent } = await start(READ);
      expect([mockPush.mock.calls, sent]).toEqual([[], []]);
    },
  );
});
