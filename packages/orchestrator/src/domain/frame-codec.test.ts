import { strict as assert } from "node:assert";
import { test } from "node:test";
import { encodeFrame, FrameDecoder, TailReader } from "./frame-codec.ts";

test("frames come out as they went in, however the stream is cut", () => {
  const bytes = Buffer.concat([encodeFrame({ n: 1, text: "ü" }, [Buffer.from("ab"), Buffer.from("c")]), encodeFrame({ n: 2 })]);
  for (let size = 1; size <= bytes.byteLength; size += 1) {
    const decoder = new FrameDecoder<{ n: number }>();
    const frames = [];
    for (let offset = 0; offset < bytes.byteLength; offset += size) frames.push(...decoder.push(bytes.subarray(offset, offset + size)));
    assert.deepEqual(
      frames.map(({ header, tail }) => [header, tail.toString()]),
      [
        [{ n: 1, text: "ü" }, "abc"],
        [{ n: 2 }, ""],
      ],
    );
  }
});

test("bytes that are no frame are refused", () => {
  assert.throws(() => new FrameDecoder().push(Buffer.from("GET / HTTP/1.1\r\n\r\n")), /expected at most/);
});

test("a tail is cut by lengths, -1 is nothing, and a short one is an error", () => {
  const tail = new TailReader(Buffer.from("abcd"));
  assert.equal(tail.take(3)?.toString(), "abc");
  assert.equal(tail.take(-1), null);
  assert.throws(() => tail.take(2), /expected 2 more bytes, got 1/);
});
