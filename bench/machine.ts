import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type ChainOptions, usualPhase } from "./chain.ts";
import { MAIN, Served } from "./served.ts";

const OPTIONS: ChainOptions = {
  phases: [usualPhase(30_000)],
  protocol: "uniswap-v3",
  pools: 3,
  owners: 500,
  timestamps: true,
};

/** How a run ended: its code, the signal that ended it, and what it said last. */
interface Ended {
  readonly code: number | string | null;
  readonly said: string;
}

interface Run {
  readonly what: string;
  /** How each try ended. */
  readonly ended: string;
  /** Whether a start afterwards leaves the ledger of an undisturbed run. */
  readonly afterwards: string;
}

/**
 * Real runs of the built program under what a machine does: signals in every phase, too little of everything, files
 * that go away. After each an undisturbed start must leave the same ledger. As root, since file systems are mounted;
 * what cannot be done is named as skipped.
 */
export async function measureMachine(): Promise<readonly Run[]> {
  const served = await Served.begin(OPTIONS);
  try {
    const stage = await Stage.begin(served);
    return [
      ...(await stage.signals()),
      ...(await stage.chores()),
      ...(await stage.limits()),
      ...(await stage.disks()),
      ...(await stage.files()),
      await stage.readOnlyUnderneath(),
      ...(await stage.suspended()),
    ];
  } finally {
    served.end();
  }
}

/** Waits for the end of a process, with the last that it said. */
async function ended(child: ChildProcess): Promise<Ended> {
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said = `${said}${chunk}`.slice(-2_000);
  });
  return await new Promise((resolve) => child.once("close", (code, signal) => resolve({ code: code ?? signal, said })));
}

function statusOf(database: string): { readonly stateDigest?: string; readonly tip?: { readonly number: number } } {
  const { stdout } = spawnSync(process.execPath, [MAIN, "status", "--json"], {
    env: { PATH: process.env["PATH"], DATABASE: database },
    encoding: "utf8",
  });
  return stdout === "" ? {} : (JSON.parse(stdout) as object);
}

const digestOf = (database: string): string => statusOf(database).stateDigest ?? "none";

class Stage {
  readonly #served: Served;
  /** Of an undisturbed run. */
  #digest = "";

  private constructor(served: Served) {
    this.#served = served;
  }

  static async begin(served: Served): Promise<Stage> {
    const stage = new Stage(served);
    served.fresh();
    const { code } = await ended(stage.#daemon(["start", "--once"]));
    if (code !== 0) throw new Error(`an undisturbed run ended with ${code}`);
    stage.#digest = digestOf(served.database);
    return stage;
  }

  #daemon(argv: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
    return spawn(process.execPath, [MAIN, ...argv], {
      env: this.#env(env),
      cwd: this.#served.folder,
      stdio: ["ignore", "ignore", "pipe"],
    });
  }

  /** Ended in the middle of a backfill, sooner and later, by both signals. */
  async signals(): Promise<readonly Run[]> {
    const runs: Run[] = [];
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      this.#served.fresh();
      const codes: Ended[] = [];
      for (const ms of [20, 150, 300, 450, 600, 800, 1_000, 1_300, 1_700, 2_200]) {
        const child = this.#daemon(["start", "--once"]);
        const end = ended(child);
        await sleep(ms);
        child.kill(signal);
        codes.push(await end);
      }
      runs.push(await this.#run(`start --once, ended by ${signal} after 20 ms to 2.2 s`, codes));
      runs.push(
        await this.#run(`at the head, ended by ${signal}`, [await this.#atHead((child) => child.kill(signal))]),
      );
    }
    return runs;
  }

  /** Backups, exports, rebuilds and migrations that are killed at any moment. */
  async chores(): Promise<readonly Run[]> {
    const runs: Run[] = [];
    for (const argv of [
      ["backup"],
      ["export", "all", "--to", join(this.#served.folder, "export")],
      ["rebuild"],
      ["optimize"],
    ]) {
      const name = `${argv[0]} ${argv[1] === "all" ? "all" : ""}`.trim();
      for (const signal of ["SIGKILL", "SIGTERM"] as const) {
        const codes: Ended[] = [];
        for (const ms of [100, 200, 300, 400, 600, 900]) {
          const child = this.#daemon(argv);
          const end = ended(child);
          await sleep(ms);
          child.kill(signal);
          codes.push(await end);
        }
        runs.push(await this.#run(name, codes, `${signal} after 100 to 900 ms`));
      }
    }
    return runs;
  }

  async limits(): Promise<readonly Run[]> {
    const shell = (limit: string, more: readonly string[] = []): ChildProcess => {
      this.#served.fresh();
      const command = `${limit}; exec "$0" ${more.join(" ")} "$1" start --once`;
      return spawn("bash", ["-c", command, process.execPath, MAIN], {
        env: this.#env(),
        stdio: ["ignore", "ignore", "pipe"],
      });
    };
    return [
      await this.#run("24 file descriptors", [await ended(shell("ulimit -n 24"))]),
      await this.#run("20 file descriptors", [await ended(shell("ulimit -n 20"))]),
      await this.#run("a heap of 48 MB", [await ended(shell(":", ["--max-old-space-size=48"]))]),
      await this.#run("a heap of 24 MB", [await ended(shell(":", ["--max-old-space-size=24"]))]),
      await this.#inGroup(180, shell),
      await this.#inGroup(60, shell),
    ];
  }

  /** In a control group (version 1) that may have so much memory; its kernel kills what takes more. */
  async #inGroup(megabytes: number, shell: (limit: string) => ChildProcess): Promise<Run> {
    const what = `a control group of ${megabytes} MB`;
    const group = join("/sys/fs/cgroup/memory", `lp-ledger-${process.pid}`);
    try {
      mkdirSync(group);
      writeFileSync(join(group, "memory.limit_in_bytes"), `${megabytes * 1_000_000}`);
    } catch {
      return { what, ended: "skipped: no control group of memory may be made here", afterwards: "" };
    }
    try {
      return await this.#run(what, [await ended(shell(`echo $$ > ${group}/cgroup.procs`))]);
    } finally {
      rmdirSync(group);
    }
  }

  /** File systems that are full, or become read-only. */
  async disks(): Promise<readonly Run[]> {
    const runs: Run[] = [];
    const mounted = async (what: string, size: string, use: (folder: string) => Promise<Run>): Promise<void> => {
      this.#served.fresh();
      const folder = join(this.#served.folder, "disk");
      mkdirSync(folder, { recursive: true });
      if (mount("-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder) !== 0) {
        runs.push({ what, ended: "skipped: nothing may be mounted here", afterwards: "" });
        return;
      }
      try {
        runs.push(await use(folder));
      } finally {
        spawnSync("umount", ["-l", folder]);
      }
    };
    await mounted("the database's disk is full", "3m", async (folder) => {
      const env = { DATABASE: join(folder, "ledger.sqlite"), GIVE_UP_SECONDS: "3" };
      const end = await ended(this.#daemon(["start", "--once"], env));
      mount("-o", "remount,size=200m", folder);
      return await this.#run("the database's disk is full, then has room", [end], "", env);
    });
    await mounted("backups' disk is full", "1m", async (folder) => {
      const env = { BACKUP_DIR: folder };
      await ended(this.#daemon(["start", "--once"], env));
      return await this.#run("backup, with its disk full", [await ended(this.#daemon(["backup"], env))]);
    });
    await mounted("the folder for temporary files is full", "64k", async (folder) => {
      writeFileSync(join(folder, "fill"), Buffer.alloc(65_536 - 4_096));
      const end = await ended(this.#daemon(["start", "--once"], { TMPDIR: folder, SQLITE_TMPDIR: folder }));
      return await this.#run("the folder for temporary files is full", [end]);
    });
    await mounted("the database's disk is read-only", "200m", async (folder) => {
      const env = { DATABASE: join(folder, "ledger.sqlite") };
      await ended(this.#daemon(["start", "--once"], env));
      mount("-o", "remount,ro", folder);
      const how = [await ended(this.#daemon(["start", "--once"], env)), await ended(this.#daemon(["status"], env))];
      mount("-o", "remount,rw", folder);
      return await this.#run("start and status on a read-only disk, then writable", how, "", env);
    });
    return runs;
  }

  /** The ledger, or its backups' folder, goes away under a daemon at the head. */
  async files(): Promise<readonly Run[]> {
    const database = (): string => this.#served.database;
    const away = (): string => `${database()}.away`;
    const back = (): void => {
      for (const suffix of ["", "-wal"])
        if (existsSync(`${away()}${suffix}`)) renameSync(`${away()}${suffix}`, `${database()}${suffix}`);
    };
    const runs: Run[] = [];
    const change = async (what: string, act: () => void, then: () => void = () => {}): Promise<void> => {
      this.#served.fresh();
      const end = await this.#atHead(act);
      then();
      runs.push(await this.#run(what, [end]));
    };
    const move = (): void => {
      for (const suffix of ["", "-wal"])
        if (existsSync(`${database()}${suffix}`)) renameSync(`${database()}${suffix}`, `${away()}${suffix}`);
    };
    await change("the ledger is moved, then put back", move, back);
    await change(
      "the ledger is deleted",
      () => rmSync(database()),
      () => removeAll(database()),
    );
    await change(
      "a copy is put in the ledger's place",
      () => {
        copyFileSync(database(), `${database()}.copy`);
        renameSync(`${database()}.copy`, database());
      },
      () => removeAll(database()),
    );
    this.#served.fresh();
    const folder = join(dirname(database()), "backups");
    const end = await this.#atHead(
      async (child) => {
        rmSync(folder, { recursive: true, force: true });
        await sleep(2_500);
        child.kill("SIGTERM");
      },
      { BACKUP_DIR: folder, BACKUP_INTERVAL_SECONDS: "1" },
    );
    runs.push(
      await this.#run(
        "the backups' folder vanishes (a backup a second)",
        [end],
        existsSync(folder) ? "made again" : "gone",
      ),
    );
    return runs;
  }

  /** An ext4 that the kernel makes read-only under the open ledger, as it does after an error of the disk. */
  async readOnlyUnderneath(): Promise<Run> {
    const what = "the disk becomes read-only in a backfill, then writable";
    const [image, folder] = ["disk.img", "disk"].map((name) => join(this.#served.folder, name)) as [string, string];
    mkdirSync(folder, { recursive: true });
    writeFileSync(image, "");
    truncateSync(image, 200_000_000);
    const mountIt = (): boolean => mount("-o", "loop", image, folder) === 0;
    if (spawnSync("mkfs.ext4", ["-q", image]).status !== 0 || !mountIt())
      return { what, ended: "skipped: no image may be mounted here", afterwards: "" };
    try {
      const env = { DATABASE: join(folder, "ledger.sqlite"), GIVE_UP_SECONDS: "3" };
      const child = this.#daemon(["start", "--once"], env);
      const end = ended(child);
      await sleep(900);
      mount("-o", "remount,abort", folder);
      const how = await end;
      spawnSync("umount", [folder]);
      if (!mountIt()) throw new Error("the image cannot be mounted again");
      return await this.#run(what, [how], "", env);
    } finally {
      spawnSync("umount", ["-l", folder]);
      rmSync(image);
    }
  }

  /** Stopped for so long, as a laptop or a virtual machine is. */
  async suspended(): Promise<readonly Run[]> {
    const runs: Run[] = [];
    for (const seconds of [10, 150]) {
      this.#served.fresh();
      const pause = async (child: ChildProcess): Promise<void> => {
        child.kill("SIGSTOP");
        await sleep(seconds * 1000);
        child.kill("SIGCONT");
      };
      const child = this.#daemon(["start", "--once"]);
      const end = ended(child);
      await sleep(500);
      await pause(child);
      runs.push(await this.#run(`suspended for ${seconds} s in a backfill`, [await end]));
      const atHead = async (daemon: ChildProcess): Promise<void> => {
        await pause(daemon);
        await sleep(3_000);
        daemon.kill("SIGTERM");
      };
      runs.push(await this.#run(`suspended for ${seconds} s at the head`, [await this.#atHead(atHead)]));
    }
    return runs;
  }

  #env(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
    const { url, database, programme } = this.#served;
    return {
      PATH: process.env["PATH"],
      RPC_URL: url,
      DATABASE: database,
      PROGRAMME: programme,
      LOG_LEVEL: "warn",
      ...more,
    };
  }

  /** Lets a daemon reach the head, does something to it, and waits for its end. */
  async #atHead(act: (child: ChildProcess) => unknown, env: Readonly<Record<string, string>> = {}): Promise<Ended> {
    await ended(this.#daemon(["start", "--once"], env));
    const child = this.#daemon(["start"], { POLL_INTERVAL_MS: "100", ...env });
    const end = ended(child);
    await sleep(1_500);
    await act(child);
    const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
    const how = await end;
    clearTimeout(timer);
    return how;
  }

  /** Starts once more, undisturbed, and compares. */
  async #run(
    what: string,
    codes: readonly Ended[],
    more = "",
    env: Readonly<Record<string, string>> = {},
  ): Promise<Run> {
    const { code, said } = await ended(this.#daemon(["start", "--once"], env));
    const database = env["DATABASE"] ?? this.#served.database;
    const isSame = digestOf(database) === this.#digest;
    const counts = new Map<string, number>();
    for (const each of codes) {
      const name = / {2}code: ([A-Z_]+)/.exec(each.said)?.[1];
      const text = `${each.code}${name === undefined ? "" : ` ${name}`}`;
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
    const list = [...counts].map(([text, count]) => (count === 1 ? text : `${text} (${count} times)`)).join(", ");
    return {
      what: more === "" ? what : `${what}, ${more}`,
      ended: list,
      afterwards: isSame ? "the same ledger" : `NOT THE SAME: start ended with ${code} ${said.slice(-200)}`,
    };
  }
}

function mount(...args: readonly string[]): number | null {
  return spawnSync("mount", args).status;
}

function removeAll(database: string): void {
  for (const suffix of ["", "-wal", "-shm", ".lock"]) rmSync(`${database}${suffix}`, { force: true });
}
