import { readFile } from "node:fs/promises";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import type { Connection, TaskScope } from "@millrace/sdk";

/** The text of a file on this machine, or of an object on S3, which the connection `aws_default` reaches. */
export async function readDeliveredFile(file: string, connection: TaskScope["connection"], signal: AbortSignal): Promise<string> {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/.exec(file) ?? [];
  if (bucket === undefined || key === undefined) return readFile(file, { encoding: "utf8", signal });
  const s3 = openS3(await connection("aws_default"));
  try {
    const { Body: body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }), { abortSignal: signal });
    if (body === undefined) throw new Error(`expected ${file} to have a body, got none`);
    return await body.transformToString();
  } finally {
    s3.destroy();
  }
}

/** Without login, the SDK finds credentials itself (profile, role). */
function openS3({ login, password, extra }: Connection): S3Client {
  const { region_name: region = "us-east-1", endpoint_url: endpoint } = extra as { region_name?: string; endpoint_url?: string };
  return new S3Client({
    region,
    ...(login !== undefined && password !== undefined && { credentials: { accessKeyId: login, secretAccessKey: password } }),
    // Local servers have no host name for each bucket.
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
  });
}
