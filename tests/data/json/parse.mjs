// Reads the corpus whose path is given and prints, as one JSON array, what V8 makes of each case:
// a canonical text, or null where it refuses. tests/properties/test_differential.py has the twin.
import { readFileSync } from "node:fs";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function canonical(root) {
  const tokens = [];
  const rest = [root];
  while (rest.length > 0) {
    const value = rest.pop();
    if (value instanceof Token) {
      tokens.push(value.text);
    } else if (Array.isArray(value)) {
      rest.push(new Token("]"), ...value.toReversed(), new Token("["));
    } else if (typeof value === "object" && value !== null) {
      rest.push(new Token("}"));
      const members = Object.keys(value).map((key) => [hex(key), value[key]]);
      members.sort(([a], [b]) => (a < b ? 1 : -1));
      for (const [key, member] of members) rest.push(member, new Token(`${key}:`));
      rest.push(new Token("{"));
    } else if (typeof value === "number") {
      tokens.push(`n${bits(value)}`);
    } else if (typeof value === "string") {
      tokens.push(`s${hex(value)}`);
    } else {
      tokens.push(String(value));
    }
  }
  return tokens.join(" ");
}

class Token {
  constructor(text) {
    this.text = text;
  }
}

function hex(text) {
  return Buffer.from(text, "utf16le").toString("hex");
}

function bits(number) {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(number);
  return bytes.toString("hex");
}

function parse(base64) {
  try {
    return canonical(JSON.parse(utf8.decode(Buffer.from(base64, "base64"))));
  } catch (error) {
    if (error instanceof SyntaxError || error.code === "ERR_ENCODING_INVALID_ENCODED_DATA") return null;
    throw error;
  }
}

const cases = JSON.parse(readFileSync(process.argv[2], "utf8"));
process.stdout.write(JSON.stringify(cases.map(({ base64 }) => parse(base64))));
