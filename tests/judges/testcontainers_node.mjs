// Testcontainers for Node, against DOCKER_HOST. Usage: node testcontainers_node.mjs SERVER TALK
//
// SERVER is an image of a web server that listens on port 8000; TALK one that answers lines on port 8080, and asks others. What
// is still there at the end is for the reaper.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { createConnection } from "node:net";
import { text } from "node:stream/consumers";

const require = createRequire(`${process.env.SPRAT_TEST_NODE}/`);
const { GenericContainer, Network, Wait } = require("testcontainers");
const [server, talk] = process.argv.slice(2);
// Its connections keep no process alive; what is awaited here must.
setInterval(() => {}, 1000);

const ask = async (container, line) => {
  const socket = createConnection(container.getMappedPort(8080), container.getHost());
  socket.end(`${line}\n`);
  return text(socket);
};

// The default: until its ports answer, from outside and from inside (by /bin/sh and nc).
const api = await new GenericContainer(server).withExposedPorts(8000).start();
const answer = await fetch(`http://${api.getHost()}:${api.getMappedPort(8000)}/nothing`);
assert.equal(answer.status, 404);
assert.match(await answer.text(), /entries/);

// A line of the log; a network with an alias; files; what it is asked to run; logs.
const network = await new Network().start();
const web = await new GenericContainer(talk)
  .withCommand(["serve", "8080", "web"])
  .withExposedPorts(8080)
  .withNetwork(network)
  .withNetworkAliases("web")
  .withEnvironment({ SEA: "north" })
  .withLabels({ tier: "front" })
  .withCopyContentToContainer([{ content: "copied before the start\n", target: "/srv/before" }])
  .withWaitStrategy(Wait.forLogMessage(/listening/))
  .start();
assert.equal(await ask(web, "hello"), "web got hello");
assert.equal(web.getLabels().tier, "front");
assert.ok(web.getNetworkNames().includes(network.getName()));
await web.copyContentToContainer([{ content: "copied later\n", target: "/srv/later" }]);
const shown = await web.exec(["cat", "/srv/before", "/srv/later"]);
assert.deepEqual([shown.exitCode, shown.stdout], [0, "copied before the start\ncopied later\n"]);
const failed = await web.exec(["sh", "-c", "echo $SEA; echo wrong >&2; exit 3"], { env: { SEA: "south" } });
assert.deepEqual([failed.exitCode, failed.stdout, failed.stderr], [3, "south\n", "wrong\n"]);
assert.equal((await web.exec(["no-such-program"])).exitCode, 127);
const archive = await web.copyArchiveFromContainer("/srv/later");
assert.match(await text(archive), /copied later/);
const logs = await web.logs();
const first = await new Promise((resolve) => logs.once("data", resolve));
assert.match(first, /listening/);
logs.destroy();

// Health, and the alias.
const other = await new GenericContainer(talk)
  .withCommand(["serve", "8080", "other"])
  .withExposedPorts(8080)
  .withNetwork(network)
  .withHealthCheck({ test: ["CMD", "/bin/talk", "ask", "localhost:8080", "x"], interval: 100, timeout: 5000, retries: 100 })
  .withWaitStrategy(Wait.forAll([Wait.forHealthCheck(), Wait.forListeningPorts()]))
  .start();
assert.equal(await ask(other, "ask web:8080 hello"), "web got hello");
const asked = await other.exec(["/bin/talk", "ask", "web:8080", "again"]);
assert.deepEqual([asked.exitCode, asked.output.trim()], [0, "web got again"]);

// One that ends, and one that is started anew.
await new GenericContainer(talk)
  .withCommand(["ask", "web:8080", "once"])
  .withNetwork(network)
  .withWaitStrategy(Wait.forOneShotStartup())
  .start();
await other.restart();
assert.equal(await ask(other, "back"), "other got back");
await api.stop();
console.log("ok");
process.exit(0);
