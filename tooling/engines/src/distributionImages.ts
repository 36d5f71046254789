import { createHash } from "node:crypto";
import { copyFileSync, cpSync, readFileSync } from "node:fs";
import { mkdtemp, readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand } from "./command.js";
import type { ContainerImage } from "./containers.js";
import { docker, imageExists } from "./docker.js";
import type { Step } from "./step.js";
import { ensureSystemPackage } from "./systemPackage.js";

const repository = fileURLToPath(new URL("../../../", import.meta.url));
const recipes = join(repository, "tooling/engines/images");
const embedded = join(repository, "packages/clickhouse-embedded");

/** Redis itself, and what Node.js is linked with. */
const PACKAGES = ["redis-server", "libstdc++6"];
const BASE = "es-test-base";
const CLICKHOUSE = "es-test-clickhouse";
const REDIS = "es-test-redis";

export interface ImageBuildOptions {
  readonly step: Step;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Redis from the distribution's packages, in an image of its own. No registry is needed.
 * @throws where the distribution cannot be installed from here, with what to do
 */
export async function buildRedisImage(options: ImageBuildOptions): Promise<ContainerImage> {
  const base = await buildBaseImage(options);
  const recipe = join(recipes, "redis");
  const name = `${REDIS}:${keyOf(base, [join(recipe, "Dockerfile"), join(recipe, "entrypoint.sh")])}`;
  await buildImage(name, options, (context) => {
    cpSync(recipe, context, { recursive: true });
    return base;
  });
  return { name, local: true };
}

/**
 * `@es/clickhouse-embedded`, as built in this repository, in an image of its own. No registry is needed.
 * @throws where the distribution cannot be installed from here, with what to do
 */
export async function buildClickHouseImage(options: ImageBuildOptions): Promise<ContainerImage> {
  const base = await buildBaseImage(options);
  const recipe = join(recipes, "clickhouse");
  const engine = createRequire(join(embedded, "package.json")).resolve("chdb/package.json");
  const files = await filesUnder(join(embedded, "dist"), join(embedded, "bin"), recipe);
  const name = `${CLICKHOUSE}:${keyOf(`${base} node ${process.version}`, [...files, engine])}`;
  await buildImage(name, options, async (context) => {
    cpSync(recipe, context, { recursive: true });
    copyFileSync(process.execPath, join(context, "node"));
    await runCommand(
      join(repository, "node_modules/.bin/pnpm"),
      ["--filter", "@es/clickhouse-embedded", "--prod", "deploy", "--legacy", join(context, "app")],
      {
        cwd: repository,
        environment: { npm_config_manage_package_manager_versions: "false" },
        signal: options.signal,
      },
    );
    return base;
  });
  return { name, local: true };
}

/** The distribution of this machine, bare but for `PACKAGES`. @returns the image's name */
async function buildBaseImage({ step, signal }: ImageBuildOptions): Promise<string> {
  const { codename, mirror } = await distribution(signal);
  const recipe = createHash("sha256").update(JSON.stringify([mirror, codename, PACKAGES]));
  const name = `${BASE}:${recipe.digest("hex").slice(0, 12)}`;
  if (await imageExists(name)) return name;
  await ensureSystemPackage({
    command: "debootstrap",
    aptPackage: "debootstrap",
    advice:
      "Building images for the tests needs debootstrap: install it, or make an image registry reachable.",
  });
  await step(`Building ${BASE}`, () =>
    inTemporaryDirectory("es-image-", async (directory) => {
      const target = join(directory, "root");
      const archive = join(directory, "root.tar");
      try {
        await runCommand(
          "debootstrap",
          ["--variant=minbase", `--include=${PACKAGES.join(",")}`, codename, target, mirror],
          { signal },
        );
      } finally {
        // Interrupted, it leaves these; removing the directory must not reach into them.
        for (const mounted of ["proc", "sys"]) {
          await runCommand("umount", ["--quiet", "--lazy", join(target, mounted)]).catch(() => {});
        }
      }
      const unneeded = ["./var/cache/apt", "./var/lib/apt/lists", "./usr/share/doc", "./usr/share/locale"];
      await runCommand(
        "tar",
        [
          "--create",
          "--file",
          archive,
          "--directory",
          target,
          ...unneeded.map((p) => `--exclude=${p}/*`),
          ".",
        ],
        { signal },
      );
      await docker(["import", archive, name], { signal });
      await removeOlder(name);
    }),
  );
  return name;
}

/** Builds with the daemon's own builder, which needs no plugin and no image from a registry. */
async function buildImage(
  name: string,
  { step, signal }: ImageBuildOptions,
  prepare: (context: string) => string | Promise<string>,
): Promise<void> {
  if (await imageExists(name)) return;
  await step(`Building ${name.split(":")[0]}`, () =>
    inTemporaryDirectory("es-image-", async (context) => {
      const base = await prepare(context);
      await docker(["build", "--tag", name, "--build-arg", `BASE=${base}`, context], {
        environment: { DOCKER_BUILDKIT: "0" },
        signal,
      });
      await removeOlder(name);
    }),
  );
}

/** What earlier recipes made, unless a container or an image of theirs still needs it. */
async function removeOlder(name: string): Promise<void> {
  const images = await docker([
    "image",
    "ls",
    "--format",
    "{{.Repository}}:{{.Tag}}",
    name.split(":")[0] ?? name,
  ]);
  for (const image of images.split("\n")) {
    if (image !== "" && image !== name) await docker(["image", "rm", image]).catch(() => {});
  }
}

/** Where this machine takes its own packages from. */
async function distribution(signal: AbortSignal | undefined): Promise<{ codename: string; mirror: string }> {
  const advice =
    "Building images for the tests works on Debian only; elsewhere make an image registry reachable.";
  let codename: string | undefined;
  let lines: string[];
  try {
    codename = /^VERSION_CODENAME="?([^"\n]+)/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1];
    const format = ["--format", "$(CODENAME) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"];
    lines = (await runCommand("apt-get", ["indextargets", ...format], { signal })).split("\n");
  } catch (cause) {
    throw new Error(advice, { cause });
  }
  const mirror = lines
    .map((line) => line.split(" "))
    .find(([suite, part]) => suite === codename && part === "main");
  if (codename === undefined || mirror?.[2] === undefined) throw new Error(advice);
  return { codename, mirror: mirror[2] };
}

async function filesUnder(...directories: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const directory of directories) {
    for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) files.push(join(entry.parentPath, entry.name));
    }
  }
  return files.sort();
}

/** The same as long as nothing that goes into the image changes. */
function keyOf(start: string, files: readonly string[]): string {
  const hash = createHash("sha256").update(start);
  for (const file of files)
    hash.update(`\0${file.slice(dirname(repository).length)}\0`).update(readFileSync(file));
  return hash.digest("hex").slice(0, 12);
}

async function inTemporaryDirectory<T>(prefix: string, work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), prefix));
  try {
    return await work(directory);
  } finally {
    await runCommand("rm", ["--recursive", "--force", "--one-file-system", directory]);
  }
}
