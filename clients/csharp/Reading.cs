using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;

namespace Sundown
{
    using Map = Dictionary<string, object>;

    /// <summary>What the server says of the connection: an answer of /ssl/, an explanation, or the header that warns.</summary>
    internal sealed class Reading
    {
        const string Explanation = "urn:sundown:problem:tls-floor";
        // A plan has a few sunsets.
        const int LongestList = 32;

        readonly Map answer;

        public Reading(Map answer) { this.answer = answer; }

        public void Read(int status, string kind, string notice, string body)
        {
            Map told;
            try {
                told = Json.Read(body) as Map ?? new Map();
            } catch (FormatException) {
                told = new Map(); // not JSON, which the last branch says
            }
            object type;
            if (told.TryGetValue("type", out type) && Explanation.Equals(type)) Explained(told);
            else if (Text(told, "protocol") != null) Answered(told);
            else if (notice != null) Noticed(status, Answer.Line(notice));
            else {
                string shown = Answer.Line((kind ?? "").Split(';')[0]);
                throw new Unable("the server does not say how it sees this client (HTTP " + status + ", "
                    + (shown == "" ? "no content type" : shown) + ")");
            }
            Compare(Text(told, "cipher_iana"));
        }

        void Answered(Map told)
        {
            var client = Object(told, "client");
            var server = Seen(told);
            server["client"] = Answer.Joined(Text(client, "runtime"), Text(client, "version"), Text(client, "library"));
            server["report"] = Text(told, "report");
            foreach (Map one in List(told, "floors").OfType<Map>()) {
                ((List<object>) answer["floors"]).Add(Floor(one));
                if (Text(one, "verdict") == "misses" && answer["contact"] == null) answer["contact"] = Text(one, "contact");
            }
            answer["fix"] = Advice(told);
            string verdict = Text(told, "verdict");
            if (verdict != null && Answer.Summary(verdict) != null) Conclude(verdict);
            else answer["summary"] = "the server gives no verdict";
        }

        void Explained(Map told)
        {
            Seen(Object(told, "seen"));
            answer["floors"] = new List<object> { Floor(new Map {
                { "sunset", Text(told, "sunset") }, { "verdict", "misses" }, { "needed", List(told, "needed").ToList() },
            }) };
            answer["contact"] = Text(told, "contact");
            answer["fix"] = Advice(told);
            Conclude("blocked");
        }

        void Noticed(int status, string notice)
        {
            var fields = new Map();
            foreach (Match match in Regex.Matches(notice, "([a-z-]+)=\"([^\"]*)\""))
                fields[match.Groups[1].Value] = match.Groups[2].Value;
            Seen(new Map {
                { "protocol", Text(fields, "seen") }, { "cipher", Text(fields, "seen-cipher") }, { "group", Text(fields, "seen-group") },
            });
            var needed = new List<object> { Text(fields, "needed"), Text(fields, "needed-cipher"), Text(fields, "needed-group") };
            answer["floors"] = new List<object> { Floor(new Map { { "verdict", "misses" }, { "needed", needed } }) };
            Conclude(status >= 400 ? "blocked" : "at-risk");
        }

        void Conclude(string verdict)
        {
            answer["verdict"] = verdict;
            answer["summary"] = Answer.Summary(verdict);
        }

        Map Seen(Map told)
        {
            var server = new Map {
                { "protocol", Text(told, "protocol") }, { "cipher", Text(told, "cipher") }, { "group", Text(told, "group") },
                { "client", null }, { "report", null },
            };
            answer["server"] = server;
            return server;
        }

        static Map Floor(Map told)
        {
            var following = Object(told, "next");
            var next = new Map { { "phase", Text(following, "phase") }, { "at", Text(following, "at") } };
            return new Map {
                { "name", Text(told, "name") }, { "sunset", Text(told, "sunset") }, { "phase", Text(told, "phase") },
                { "verdict", Text(told, "verdict") }, { "because", Texts(told, "because") }, { "needed", Texts(told, "needed") },
                { "next", next.ContainsValue(null) ? null : next }, { "exception_until", Text(told, "exception_until") },
            };
        }

        static Map Advice(Map told)
        {
            var advice = Object(told, "advice");
            string summary = Text(advice, "summary");
            if (summary == null) return null;
            object snippet;
            advice.TryGetValue("snippet", out snippet);
            string lines = snippet as string;
            if (lines != null) lines = string.Join("\n", Answer.Cut(lines).Split('\n').Select(Answer.Line));
            return Answer.Fix(summary, lines, Text(advice, "verify"));
        }

        // Whether the server saw another connection than the one that was made here.
        void Compare(string iana)
        {
            var own = (Map) answer["own"];
            var server = (Map) answer["server"];
            bool? differs = null;
            if (own["protocol"] != null && server["protocol"] != null) differs = !own["protocol"].Equals(server["protocol"]);
            if (own["cipher"] != null && iana != null) differs = differs == true || !own["cipher"].Equals(iana);
            answer["differs"] = differs;
        }

        static Map Object(Map told, string name)
        {
            object value;
            return told.TryGetValue(name, out value) && value is Map ? (Map) value : new Map();
        }

        static string Text(Map told, string name)
        {
            object value;
            string text = told.TryGetValue(name, out value) && value is string ? Answer.Line((string) value) : "";
            return text == "" ? null : text;
        }

        static IEnumerable<object> List(Map told, string name)
        {
            object value;
            var list = told.TryGetValue(name, out value) ? value as List<object> : null;
            return (list ?? new List<object>()).Take(LongestList);
        }

        static List<object> Texts(Map told, string name)
        {
            return List(told, name).OfType<string>().Select(text => (object) Answer.Line(text)).ToList();
        }
    }
}
