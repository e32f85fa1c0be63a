import { describe } from "node:test";
import { skipWithout } from "@millrace/test-services";
import { openPostgresTest } from "./test-database.ts";
import { testAccounts } from "./accounts.testsuite.ts";
import { testDefinitions } from "./definitions.testsuite.ts";
import { testPurge } from "./purge.testsuite.ts";
import { testReads } from "./reads.testsuite.ts";
import { testStoredConnections } from "./stored-connections.testsuite.ts";
import { testWatchers } from "./watchers.testsuite.ts";

describe("on PostgreSQL", { skip: skipWithout("postgres") }, () => {
  for (const suite of [testReads, testStoredConnections, testWatchers, testDefinitions, testAccounts, testPurge]) suite(openPostgresTest);
});
