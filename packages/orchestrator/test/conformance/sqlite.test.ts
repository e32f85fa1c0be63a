import { openSqliteTest } from "./test-database.ts";
import { testAccounts } from "./accounts.testsuite.ts";
import { testDefinitions } from "./definitions.testsuite.ts";
import { testPurge } from "./purge.testsuite.ts";
import { testReads } from "./reads.testsuite.ts";
import { testStoredConnections } from "./stored-connections.testsuite.ts";
import { testWatchers } from "./watchers.testsuite.ts";

for (const suite of [testReads, testStoredConnections, testWatchers, testDefinitions, testAccounts, testPurge]) suite(openSqliteTest);
