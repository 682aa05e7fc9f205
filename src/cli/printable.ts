/** Text as a terminal may have it. Names of files, folders and classes can hold characters that it would obey. */

/** Control characters, those that turn the direction of writing, and the two that end a line beside "\n". */
const obeyed = /\p{Cc}|\p{Bidi_Control}|\u2028|\u2029/gu;

/** One line, with what a terminal would obey written as JSON writes it: "\n", "\u001b". */
export function printable(line: string): string {
  return line.replace(obeyed, (character) => {
    if (character === "\n") return "\\n";
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** The same of several lines. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}
