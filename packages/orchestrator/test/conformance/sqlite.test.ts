import { openSqliteTest } from "./test-database.ts";
import { testReads } from "./reads.testsuite.ts";
import { testStoredConnections } from "./stored-connections.testsuite.ts";
import { testWatchers } from "./watchers.testsuite.ts";

for (const suite of [testReads, testStoredConnections, testWatchers]) suite(openSqliteTest);
