using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Sundown
{
    /// <summary>JSON (RFC 8259) to dictionaries, lists, strings, numbers, booleans and null, and back. What .NET 4.5 has of
    /// its own needs an assembly that not every machine has.</summary>
    internal sealed class Json
    {
        // An answer of /ssl/ is four deep; without a bound a hostile one ends the stack.
        const int Deepest = 64;

        readonly string text;
        int at;

        Json(string text) { this.text = text; }

        /// <summary>What the text says.</summary>
        /// <exception cref="FormatException">It is not JSON.</exception>
        public static object Read(string text)
        {
            var json = new Json(text);
            object value = json.Value(0);
            json.Space();
            if (json.at < text.Length) throw json.Bad();
            return value;
        }

        object Value(int depth)
        {
            if (depth > Deepest) throw Bad();
            Space();
            switch (Peek()) {
                case '{': return Object(depth);
                case '[': return List(depth);
                case '"': return String();
                default: return Word();
            }
        }

        Dictionary<string, object> Object(int depth)
        {
            var value = new Dictionary<string, object>();
            at++;
            Space();
            if (Took('}')) return value;
            do {
                Space();
                string name = String();
                Space();
                if (!Took(':')) throw Bad();
                value[name] = Value(depth + 1);
                Space();
            } while (Took(','));
            if (!Took('}')) throw Bad();
            return value;
        }

        List<object> List(int depth)
        {
            var value = new List<object>();
            at++;
            Space();
            if (Took(']')) return value;
            do {
                value.Add(Value(depth + 1));
                Space();
            } while (Took(','));
            if (!Took(']')) throw Bad();
            return value;
        }

        string String()
        {
            if (!Took('"')) throw Bad();
            var value = new StringBuilder();
            while (true) {
                char c = Peek();
                at++;
                if (c == '"') return value.ToString();
                if (c < ' ') throw Bad();
                value.Append(c == '\\' ? Escaped() : c);
            }
        }

        char Escaped()
        {
            char c = Peek();
            at++;
            switch (c) {
                case '"': case '\\': case '/': return c;
                case 'b': return '\b';
                case 'f': return '\f';
                case 'n': return '\n';
                case 'r': return '\r';
                case 't': return '\t';
                case 'u':
                    ushort code;
                    if (at + 4 > text.Length
                        || !ushort.TryParse(text.Substring(at, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out code))
                        throw Bad();
                    at += 4;
                    return (char) code;
                default: throw Bad();
            }
        }

        object Word()
        {
            int start = at;
            while (at < text.Length && "+-.0123456789abcdefghijklmnopqrstuvwxyzE".IndexOf(text[at]) >= 0) at++;
            string word = text.Substring(start, at - start);
            double number;
            switch (word) {
                case "true": return true;
                case "false": return false;
                case "null": return null;
                default:
                    if (!double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out number)) throw Bad();
                    return number;
            }
        }

        void Space() { while (at < text.Length && " \t\r\n".IndexOf(text[at]) >= 0) at++; }

        bool Took(char c)
        {
            bool there = at < text.Length && text[at] == c;
            if (there) at++;
            return there;
        }

        char Peek()
        {
            if (at >= text.Length) throw Bad();
            return text[at];
        }

        FormatException Bad() { return new FormatException("not JSON at character " + at); }

        /// <summary>The value as text, two spaces a level.</summary>
        public static string Write(object value)
        {
            var all = new StringBuilder();
            Write(all, value, "\n");
            return all.ToString();
        }

        static void Write(StringBuilder all, object value, string newline)
        {
            string inner = newline + "  ";
            var map = value as Dictionary<string, object>;
            var list = value as List<object>;
            if (map != null) {
                string before = "{" + inner;
                foreach (var entry in map) {
                    all.Append(before);
                    Quote(all, entry.Key);
                    all.Append(": ");
                    Write(all, entry.Value, inner);
                    before = "," + inner;
                }
                all.Append(newline).Append('}');
            } else if (list != null) {
                string before = "[" + inner;
                foreach (object each in list) {
                    all.Append(before);
                    Write(all, each, inner);
                    before = "," + inner;
                }
                all.Append(list.Count == 0 ? "[]" : newline + "]");
            } else if (value is string) {
                Quote(all, (string) value);
            } else {
                all.Append(value == null ? "null" : (bool) value ? "true" : "false");
            }
        }

        static void Quote(StringBuilder all, string text)
        {
            all.Append('"');
            foreach (char c in text) {
                if (c < ' ' || c > '~' || c == '"' || c == '\\') all.AppendFormat("\\u{0:x4}", (int) c);
                else all.Append(c);
            }
            all.Append('"');
        }
    }
}
