// A day's work with dockerode, against DOCKER_HOST. Usage: node dockerode.mjs IMAGE TOOLBOX
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { PassThrough } from "node:stream";

const require = createRequire(`${process.env.SPRAT_TEST_NODE}/`);
const Docker = require("dockerode");
const [image, toolbox] = process.argv.slice(2);
const docker = new Docker();

const collect = async (stream) => {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
};

assert.equal((await docker.ping()).toString(), "OK");
assert.equal((await docker.info()).OSType, "linux");

// create, attach, start, wait, remove.
const container = await docker.createContainer({ Image: image });
const attached = await container.attach({ stream: true, stdout: true, stderr: true });
const [output, errors] = [new PassThrough(), new PassThrough()];
const text = collect(output);
docker.modem.demuxStream(attached, output, errors);
attached.on("end", () => output.end());
await container.start();
assert.equal((await container.wait()).StatusCode, 0);
assert.match(await text, /^Hello/m);
await container.remove();
const piped = new PassThrough();
const [result, ran] = await docker.run(image, [], piped);
assert.equal(result.StatusCode, 0);
await ran.remove();

// One that removes itself: whoever waits for it may come after its end.
for (let round = 0; round < 10; round++) {
  const [ended, gone] = await docker.run(image, [], new PassThrough(), { HostConfig: { AutoRemove: true } });
  assert.equal(ended.StatusCode, 0);
  await gone.wait({ condition: "removed" });
  await assert.rejects(gone.inspect(), { statusCode: 404 });
}

// exec with separate streams.
const box = await docker.createContainer({ Image: toolbox, Cmd: ["sleep", "1000"], Labels: { who: "dockerode" } });
await box.start();
const exec = await box.exec({ Cmd: ["sh", "-c", "echo out; echo err >&2; exit 5"], AttachStdout: true, AttachStderr: true });
const stream = await exec.start({ hijack: true, stdin: false });
const [out, err] = [new PassThrough(), new PassThrough()];
const texts = Promise.all([collect(out), collect(err)]);
docker.modem.demuxStream(stream, out, err);
stream.on("end", () => { out.end(); err.end(); });
assert.deepEqual(await texts, ["out\n", "err\n"]);
assert.equal((await exec.inspect()).ExitCode, 5);

// stdin of an exec.
const cat = await box.exec({ Cmd: ["cat"], AttachStdin: true, AttachStdout: true });
const duplex = await cat.start({ hijack: true, stdin: true });
const echoed = new PassThrough();
const echo = collect(echoed);
docker.modem.demuxStream(duplex, echoed, echoed);
duplex.on("end", () => echoed.end());
duplex.write("through and through");
duplex.end();
assert.equal(await echo, "through and through");

const listed = await docker.listContainers({ filters: { label: ["who=dockerode"] } });
assert.equal(listed.length, 1);
assert.equal(listed[0].State, "running");
const stats = await box.stats({ stream: false });
assert.ok(stats.memory_stats.limit > 0);
await box.stop({ t: 1 });
await box.remove({ force: true });

const volume = await docker.createVolume({ Name: "node-volume" });
await volume.remove();
const network = await docker.createNetwork({ Name: "node-network" });
assert.equal((await network.inspect()).Name, "node-network");
await network.remove();
await assert.rejects(docker.getContainer("nobody").inspect(), { statusCode: 404 });
console.log("ok");
