// Testcontainers for Node, against DOCKER_HOST, with its reaper. Usage: node testcontainers.mjs SERVER TOOLBOX
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.SPRAT_TEST_NODE}/`);
const { GenericContainer, Network, Wait } = require("testcontainers");
const [server, toolbox] = process.argv.slice(2);

const network = await new Network().start();
const api = await new GenericContainer(server)
  .withExposedPorts(8000)
  .withNetwork(network)
  .withNetworkAliases("api")
  .withWaitStrategy(Wait.forLogMessage(/listening/))
  .start();
const answer = await fetch(`http://${api.getHost()}:${api.getMappedPort(8000)}/nothing`);
assert.equal(answer.status, 404);
const box = await new GenericContainer(toolbox).withCommand(["sleep", "1000"]).withNetwork(network).start();
const { exitCode, output } = await box.exec(["sh", "-c", "echo from the box; exit 0"]);
assert.equal(exitCode, 0);
assert.match(output, /from the box/);
await box.copyContentToContainer([{ content: "copied", target: "/tmp/copied" }]);
assert.equal((await box.exec(["cat", "/tmp/copied"])).output, "copied");
await box.stop();
await api.stop();
await network.stop();
console.log("ok");
