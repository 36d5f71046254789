import type { SessionProjectionJson } from "@es/session-projection";
import { describe, expect, it } from "vitest";
import { sessionListPage, sessionPage, sessionPath } from "./sessionPages.js";

const hostile = `"><script>alert(1)</script>/é?#`;

function session(sessionId: string): SessionProjectionJson {
  return {
    tenantId: "acme",
    version: "1",
    sessionId,
    traceCount: 3,
    failedTraceCount: 1,
    status: "error",
    spanCount: 4,
    errorCount: 1,
    startTimeUnixNano: "1700000000000000000",
    lastActivityUnixNano: "1700000001000000000",
    usage: { inputTokens: 5, outputTokens: 2, totalTokens: 7 },
    cost: { amount: "0.25", currency: "USD", complete: false },
    models: ["gpt-4o"],
    userIds: [hostile],
    traces: [
      {
        traceId: "a".repeat(32),
        name: hostile,
        status: "error",
        startTimeUnixNano: "1700000000000000000",
        endTimeUnixNano: "1700000001000000000",
        spanCount: 4,
        errorCount: 1,
        inputTokens: 5,
        outputTokens: 2,
        totalTokens: 7,
        cost: "0.25",
        costComplete: true,
        models: ["gpt-4o"],
        userId: hostile,
      },
    ],
    cuts: { traces: { kept: 1, total: 3 } },
  };
}

describe("the pages of sessions", () => {
  it("link from the list to each session, and on to older ones where there are", () => {
    const { traces: _, ...summary } = session(hostile);
    const page = String(sessionListPage({ sessions: [summary], nextCursor: "a/b" }, { user: "ada" }));
    const link = /href="(\/sessions\/[^"]*)"/.exec(page)?.[1] ?? "";
    expect(decodeURIComponent(link)).toBe(`/sessions/${hostile}`);
    expect(page).toContain('href="/sessions?user=ada&amp;cursor=a%2Fb"');
    expect(String(sessionListPage({ sessions: [], nextCursor: null }))).not.toContain("Older");
  });

  it.each([".", "..", "...", "%2e", "%2E%2e", "a/..", "./", "\\", "?", "é😀 \u0000"])(
    "link to the session %j so that a client asks for it, and no other path",
    (sessionId) => {
      const { pathname, searchParams } = new URL(sessionPath(sessionId), "http://console");
      const [, kind, id, ...more] = pathname.split("/");
      expect(more).toEqual([]);
      const asked = kind === "session" ? searchParams.get("id") : decodeURIComponent(id ?? "");
      expect(asked).toBe(sessionId);
      expect(kind).toBe(sessionId === "." || sessionId === ".." ? "session" : "sessions");
    },
  );

  it("link from a session to its traces, and say how many are not listed", () => {
    const page = String(sessionPage(session("s")));
    expect(page).toContain(`href="/traces/${"a".repeat(32)}"`);
    expect(page).toContain("The last 1 of 3.");
    expect(page).toContain("0.25, and what has no price");
  });

  it("show what traces say as text, whatever they say", () => {
    const { traces: _, ...summary } = session(hostile);
    const undecodable = [{ sessionId: hostile, reason: hostile }];
    const pages = [
      sessionPage(session(hostile)),
      sessionListPage({ sessions: [summary], nextCursor: hostile, undecodable }),
    ];
    for (const page of pages) expect(String(page)).not.toContain("<script");
  });
});
