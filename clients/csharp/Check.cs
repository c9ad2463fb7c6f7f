using System;
using System.Collections.Generic;
using System.ComponentModel;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.RegularExpressions;
using System.Threading;

namespace Sundown
{
    using Map = Dictionary<string, object>;

    /// <summary>Will this .NET survive the server's next change of TLS?
    ///
    /// Asks a server's /ssl/ what it thinks of this client, says the same of this .NET's own TLS library, and names the fix.
    /// No dependencies, .NET Framework 4.5 and later, and Mono. Offers what ServicePointManager.SecurityProtocol says, as
    /// HttpWebRequest does: called from a program, it checks what that program set.
    /// <code>
    /// var answer = Sundown.Check.Run("https://api.example.com", null, 10);
    /// answer["verdict"]  // ok, at-risk, blocked, refused or unknown
    /// </code></summary>
    public static class Check
    {
        const string Version = "0.1.0";
        // An answer of /ssl/ has a few KiB.
        const int LongestAnswer = 1 << 20;

        static readonly string Runtime = Platform.Runtime();
        static readonly string Library = Platform.Library();
        static readonly Regex Checkable = new Regex(
            @"\Ahttps://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?((?:[/?][!-~]*)?)\z",
            RegexOptions.IgnoreCase | RegexOptions.CultureInvariant);

        /// <summary>Asks the URL (its /ssl/ where it names no path) and returns the answer. Never throws.</summary>
        /// <param name="url">https://host[:port][/path]</param>
        /// <param name="ca">A PEM file of the authorities to trust instead of the system's, or null.</param>
        /// <param name="timeout">The seconds that all of it may take.</param>
        public static Map Run(string url, string ca, double timeout)
        {
            Map mine = Answer.Empty(url, Runtime, Library);
            // A socket's own timeout starts anew with each byte, and does not cover the look-up of a name.
            var worker = new Thread(() => Attempt(mine, url, ca)) { IsBackground = true };
            worker.Start();
            if (worker.Join(TimeSpan.FromSeconds(timeout))) return Answer.Finish(mine);
            // The worker may still write to its own.
            Map late = Answer.Empty(url, Runtime, Library);
            late["summary"] = "no complete answer within " + timeout.ToString(CultureInfo.InvariantCulture) + " s";
            return Answer.Finish(late);
        }

        static void Attempt(Map answer, string url, string ca)
        {
            try {
                Ask(answer, url, ca);
            } catch (Unable unable) {
                answer["summary"] = unable.Message;
                answer["error"] = unable.Said;
            } catch (Exception error) {
                answer["summary"] = "the check itself failed";
                answer["error"] = Words(error);
            }
        }

        static void Ask(Map answer, string url, string ca)
        {
            if (url.StartsWith("http://", StringComparison.OrdinalIgnoreCase))
                throw new Unable("the URL is plain HTTP; write https:// to check TLS");
            Match parts = Checkable.Match(url);
            int port = !parts.Success ? 0 : parts.Groups[2].Success ? int.Parse(parts.Groups[2].Value) : 443;
            if (port < 1 || port > 65535) throw new Unable("the URL is not one to check; write https://host[:port][/path]");
            string host = parts.Groups[1].Value.ToLowerInvariant();
            string place = port == 443 ? host : host + ":" + port;
            string path = parts.Groups[3].Value.Split('#')[0];
            if (path.StartsWith("?")) path = "/" + path;
            if (path == "" || path == "/") path = "/ssl/";
            answer["url"] = "https://" + place + path;

            string bare = host.Trim('[', ']');
            var trust = new Trust(ca, bare);
            using (var tcp = Connect(bare, port, place))
            using (var stream = new SslStream(tcp.GetStream(), false, trust.Validate)) {
                if (!Secure(answer, stream, bare, trust)) return;
                string head;
                byte[] body = Exchange(stream, place, path, out head);
                int status = int.Parse(head.Substring(9, 3));
                new Reading(answer).Read(
                    status, Field(head, "Content-Type"), Field(head, "Sundown-Notice"), Encoding.UTF8.GetString(body));
            }
        }

        static TcpClient Connect(string host, int port, string place)
        {
            SocketException last = null;
            try {
                foreach (IPAddress address in Dns.GetHostAddresses(host)) {
                    var tcp = new TcpClient(address.AddressFamily);
                    try {
                        tcp.Connect(address, port);
                        return tcp;
                    } catch (SocketException error) {
                        tcp.Close();
                        last = error;
                    }
                }
            } catch (SocketException error) {
                last = error;
            }
            throw new Unable("cannot reach " + place, last == null ? "the name has no address" : last.Message);
        }

        // Shakes hands; the library's words for a failure are turned into the answer they stand for.
        static bool Secure(Map answer, SslStream stream, string host, Trust trust)
        {
            try {
                stream.AuthenticateAsClient(host, null, (SslProtocols) (int) ServicePointManager.SecurityProtocol, false);
            } catch (Exception error) {
                string words = Words(error);
                if (trust.Refused != null)
                    throw new Unable(
                        "the server's certificate is not trusted; --ca FILE names an authority to trust", trust.Refused + "; " + words);
                string alert = Platform.Alert(error, words);
                if (alert == null) throw new Unable("the handshake failed", words);
                Refused(answer, alert, words);
                return false;
            }
            var own = (Map) answer["own"];
            own["protocol"] = Platform.Protocol((int) stream.SslProtocol);
            // .NET Framework tells the parts of a suite and not its name; .NET Core 3.0 and later do.
            var suite = typeof(SslStream).GetProperty("NegotiatedCipherSuite");
            own["cipher"] = suite == null ? null : suite.GetValue(stream, null).ToString();
            return true;
        }

        static void Refused(Map answer, string alert, string words)
        {
            bool version = alert == "protocol_version";
            string verify = "sundown-check.exe " + answer["url"];
            answer["alert"] = alert;
            answer["verdict"] = "refused";
            answer["error"] = words;
            answer["summary"] = (version
                ? "the server needs a later TLS version than this client offers"
                : "the server accepts no cipher suite or group that this client offers")
                + "; this runtime's library is " + Library;
            answer["fix"] = version
                ? Answer.Fix("Before the first request, add TLSv1.2 to ServicePointManager.SecurityProtocol, and remove code that "
                    + "sets it to less. Without such code a program offers TLSv1.2 from target framework 4.6 on, and what Windows "
                    + "offers from 4.7 on. TLSv1.3 takes Windows 11 or Server 2022 and target framework 4.8.",
                    "ServicePointManager.SecurityProtocol |= (SecurityProtocolType) 3072;", verify)
                : Answer.Fix("Enable more cipher suites in Windows (Enable-TlsCipherSuite, or the policy \"SSL Cipher Suite Order\"), or "
                    + "move to a current Windows or Mono.", null, verify);
        }

        // HTTP/1.0, so that the answer is never chunked.
        static byte[] Exchange(SslStream stream, string place, string path, out string head)
        {
            var all = new MemoryStream();
            try {
                byte[] request = Encoding.ASCII.GetBytes("GET " + path + " HTTP/1.0\r\nHost: " + place + "\r\nAccept: application/json\r\n"
                    + "Connection: close\r\nUser-Agent: sundown-check/" + Version + " " + Runtime.Replace(' ', '/') + "\r\n\r\n");
                stream.Write(request, 0, request.Length);
                var part = new byte[16384];
                int length;
                while (!IsComplete(all) && (length = stream.Read(part, 0, part.Length)) > 0) {
                    all.Write(part, 0, length);
                    if (all.Length > LongestAnswer) throw new Unable("the answer is longer than 1 MiB");
                }
            } catch (Exception error) {
                if (error is Unable) throw;
                throw new Unable("the connection ended before the answer was complete", Words(error));
            }
            byte[] bytes = all.ToArray();
            int end = HeadLength(bytes);
            head = Encoding.UTF8.GetString(bytes, 0, end < 0 ? Math.Min(bytes.Length, 64) : end);
            if (bytes.Length > 0 && !Regex.IsMatch(head, @"\AHTTP/1\.[01] [0-9]{3}\b")) throw new Unable("the answer is not HTTP");
            long expected = end < 0 ? 1 : ContentLength(head);
            if (bytes.Length < end + 4 + expected) throw new Unable("the connection ended before the answer was complete");
            return bytes.Skip(end + 4).ToArray();
        }

        static bool IsComplete(MemoryStream all)
        {
            byte[] bytes = all.GetBuffer();
            // The head of an answer has a few hundred bytes; beyond this it is read to its end.
            int end = HeadLength(bytes, (int) Math.Min(all.Length, 65536));
            if (end < 0) return false;
            string head = Encoding.UTF8.GetString(bytes, 0, end);
            return Field(head, "Content-Length") != null && all.Length >= end + 4 + ContentLength(head);
        }

        static int HeadLength(byte[] bytes, int length = -1)
        {
            for (int at = 0; at + 3 < (length < 0 ? bytes.Length : length); at++)
                if (bytes[at] == '\r' && bytes[at + 1] == '\n' && bytes[at + 2] == '\r' && bytes[at + 3] == '\n') return at;
            return -1;
        }

        static long ContentLength(string head)
        {
            long length;
            return long.TryParse(Field(head, "Content-Length") ?? "", NumberStyles.None, CultureInfo.InvariantCulture, out length)
                ? Math.Min(length, int.MaxValue) : 0;
        }

        static string Field(string head, string name)
        {
            Match found = Regex.Match(head, "\r\n" + name + ":[ \t]*([^\r\n]*)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant);
            return found.Success ? found.Groups[1].Value.Trim() : null;
        }

        // The outer message says "see inner exception"; what the server said is in the innermost.
        static string Words(Exception error)
        {
            var words = new StringBuilder();
            for (; error != null; error = error.InnerException)
                words.Append(words.Length > 0 ? ": " : "").Append(error.GetType().Name).Append(": ").Append(error.Message);
            return words.ToString();
        }
    }

    /// <summary>Why the answer is `unknown`, and what the library said.</summary>
    internal sealed class Unable : Exception
    {
        public readonly string Said;

        public Unable(string summary, string said = null) : base(summary) { Said = said; }
    }
}
