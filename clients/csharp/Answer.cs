using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;

namespace Sundown
{
    using Map = Dictionary<string, object>;

    /// <summary>The answer: its fields, its words, and the lines it is shown as.</summary>
    internal static class Answer
    {
        // An advice is a few sentences.
        const int LongestText = 2000;
        // What steers a terminal or reorders a line (Unicode TR 9).
        static readonly Regex Steering = new Regex(
            "[\\u0000-\\u001f\\u007f-\\u009f\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069]+");

        public static Map Empty(string url, string runtime, string library)
        {
            string shown = Line(url);
            return new Map {
                { "url", shown.Substring(0, Math.Min(shown.Length, 200)) }, { "verdict", "unknown" }, { "survives", null },
                { "summary", null },
                { "own", new Map { { "runtime", runtime }, { "library", library }, { "protocol", null }, { "cipher", null } } },
                { "server", null }, { "differs", null }, { "floors", new List<object>() }, { "alert", null }, { "fix", null },
                { "contact", null }, { "error", null },
            };
        }

        public static Map Finish(Map answer)
        {
            if (answer["error"] != null) answer["error"] = Line((string) answer["error"]);
            int exit = Exit((string) answer["verdict"]);
            answer["survives"] = exit == 2 ? null : (object) (exit == 0);
            return answer;
        }

        /// <summary>0 survives, 1 will not, 2 could not tell.</summary>
        public static int Exit(string verdict)
        {
            switch (verdict) {
                case "ok": return 0;
                case "at-risk": case "blocked": case "refused": return 1;
                default: return 2;
            }
        }

        /// <summary>The words for a verdict of the server's; null for what is none.</summary>
        public static string Summary(string verdict)
        {
            switch (verdict) {
                case "ok": return "this client meets every floor of the server";
                case "at-risk": return "this client is served today and misses a floor";
                case "blocked": return "the server turns this client's requests away";
                default: return null;
            }
        }

        public static Map Fix(string summary, string snippet, string verify)
        {
            return new Map { { "summary", summary }, { "snippet", snippet }, { "verify", verify } };
        }

        public static string Line(string text) { return Steering.Replace(Cut(text), " ").Trim(); }

        public static string Cut(string text) { return text.Substring(0, Math.Min(text.Length, LongestText)); }

        /// <summary>Those that are there, with commas; null where none is.</summary>
        public static string Joined(params object[] parts)
        {
            string all = string.Join(", ", parts.Where(part => part != null));
            return all == "" ? null : all;
        }

        /// <summary>The answer as lines for people.</summary>
        public static string Render(Map answer)
        {
            var lines = new List<string>();
            Action<string, object> add = (name, value) => {
                if (value != null) lines.Add(string.Format("{0,-8} {1}", name, value));
            };
            var own = (Map) answer["own"];
            var server = (Map) answer["server"];
            var fix = (Map) answer["fix"];
            add("url", answer["url"]);
            add("runtime", own["runtime"] + ", " + own["library"]);
            add("here", Joined(own["protocol"], own["cipher"]));
            if (server != null) add("server", Joined(server["protocol"], server["cipher"], server["group"]) ?? "");
            if (true.Equals(answer["differs"]))
                add("between", "something between this client and the server re-encrypts; the fix is due there");
            foreach (object floor in (List<object>) answer["floors"]) add("floor", FloorLine((Map) floor));
            add("verdict", answer["verdict"] + ": " + answer["summary"]);
            add("error", answer["error"]);
            if (fix != null) {
                add("fix", fix["summary"]);
                foreach (string line in ((string) fix["snippet"] ?? "").Split('\n')) add("", line == "" ? null : line);
                add("verify", fix["verify"]);
            }
            add("help", answer["contact"]);
            add("report", server == null ? null : server["report"]);
            return string.Join("\n", lines);
        }

        static string FloorLine(Map floor)
        {
            string name = (string) (floor["name"] ?? floor["sunset"] ?? "the server's");
            if (floor["name"] != null && floor["sunset"] != null) name = floor["name"] + " (" + floor["sunset"] + ")";
            if ("meets".Equals(floor["verdict"])) return name + ": meets";
            var parts = new List<object> { floor["verdict"] ?? "unknown" };
            parts.AddRange((List<object>) floor["because"]);
            var needed = (List<object>) floor["needed"];
            if (needed.Count > 0) parts.Add("needs " + string.Join(", ", needed));
            var next = (Map) floor["next"];
            if (floor["exception_until"] != null) parts.Add("excepted until " + floor["exception_until"]);
            else if (next != null) parts.Add(next["phase"] + " from " + next["at"]);
            return name + ": " + string.Join("; ", parts);
        }
    }
}
