import { runCli } from "../../src/cli/commands.ts";

/** Runs commands on a ledger file in this process, beside whoever else has it open; there is no network. */
export function commandLine(path: string) {
  return async (argv: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    let [out, talk] = ["", ""];
    const code = await runCli(argv, {
      env: { DATABASE: path, ...env },
      cwd: "/",
      isTerminal: false,
      fetch: () => Promise.reject(new Error("no network here")),
      post: () => Promise.reject(new Error("no network here")),
      out: (text) => {
        out += text;
      },
      ask: async () => undefined,
      talk: (text) => {
        talk += text;
      },
      onSignal: () => () => {},
      exit: () => {
        throw new Error("it must not exit");
      },
    });
    return { code, out, talk };
  };
}
