import { MessageChannel } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { portOf } from "../../src/runtime/message-port.ts";

describe("messages between threads", () => {
  it("leave the event loop a turn after each: a signal is heard while many of them wait", async () => {
    const { port1, port2 } = new MessageChannel();
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      portOf(port2).listen((message) => {
        order.push(`message ${message}`);
        // What an event does that comes in while this message is worked on.
        if (message === 0) setImmediate(() => order.push("event"));
        if (message === 99) resolve();
      });
      for (let i = 0; i < 100; i++) portOf(port1).postMessage(i);
    });
    port1.close();
    expect(order.filter((each) => each.startsWith("message"))).toEqual(
      Array.from({ length: 100 }, (_, i) => `message ${i}`),
    );
    expect(order.slice(0, order.indexOf("message 99"))).toContain("event");
  });

  it("are not heard any more once nobody listens, those on their way included", async () => {
    const { port1, port2 } = new MessageChannel();
    const heard: unknown[] = [];
    await new Promise<void>((resolve) => {
      const unlisten = portOf(port2).listen((message) => {
        heard.push(message);
        unlisten();
        resolve();
      });
      for (let i = 0; i < 5; i++) portOf(port1).postMessage(i);
    });
    await new Promise(setImmediate);
    port1.close();
    expect(heard).toEqual([0]);
  });
});
