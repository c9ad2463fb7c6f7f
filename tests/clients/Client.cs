// C#, HttpWebRequest and ServicePointManager: the pair that .NET Framework programs use.
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Net;
using System.Text;

public static class Client
{
    // .NET 4.0 has no names for TLSv1.1 and later, which is why programs of that time carry the numbers.
    static readonly Dictionary<string, int> Versions = new Dictionary<string, int> {
        { "TLSv1", 192 }, { "TLSv1.1", 768 }, { "TLSv1.2", 3072 }, { "TLSv1.3", 12288 },
    };

    public static void Main(string[] args)
    {
        string held = args.Length > 2 ? args[2] : "-";
        if (held != "-") {
            int number;
            if (!Versions.TryGetValue(held, out number)) number = int.Parse(held);
            ServicePointManager.SecurityProtocol = (SecurityProtocolType) number;
        }
        string settings = Trusting(args[1]);
        Console.WriteLine(Ask(args[0], args.Length > 3 ? args[3] : "GET"));
        Directory.Delete(settings, true);
    }

    // Mono trusts the files in its user's settings, named by OpenSSL's hash of their subject. A validation callback would
    // not do: the managed X509Chain that it would have to use cannot read an ECDSA authority.
    static string Trusting(string ca)
    {
        string settings = Path.Combine(Path.GetTempPath(), "mono-" + Guid.NewGuid());
        string trust = Path.Combine(settings, ".mono", "new-certs", "Trust");
        Directory.CreateDirectory(trust);
        var openssl = new ProcessStartInfo("openssl", "x509 -noout -subject_hash -in \"" + ca + "\"") {
            RedirectStandardOutput = true, UseShellExecute = false,
        };
        using (var hash = Process.Start(openssl))
            File.Copy(ca, Path.Combine(trust, hash.StandardOutput.ReadToEnd().Trim() + ".0"));
        Environment.SetEnvironmentVariable("XDG_CONFIG_HOME", settings);
        return settings;
    }

    static string Ask(string url, string method)
    {
        HttpWebResponse response;
        try {
            var request = (HttpWebRequest) WebRequest.Create(url);
            request.Method = method;
            request.AllowAutoRedirect = false;
            string key = Environment.GetEnvironmentVariable("API_KEY");
            if (key != null) request.Headers["X-Api-Key"] = key;
            // A body-less POST must say so, or the library waits for one.
            if (method != "GET" && method != "HEAD") request.ContentLength = 0;
            response = (HttpWebResponse) request.GetResponse();
        } catch (WebException error) {
            // An error status arrives as an exception that carries the answer.
            response = error.Response as HttpWebResponse;
            if (response == null)
                return "{\"ok\":false,\"error\":" + Quote(Told(error)) + ",\"code\":" + Quote(error.Status.ToString()) + "}";
        }
        using (response)
        using (var reader = new StreamReader(response.GetResponseStream(), Encoding.UTF8)) {
            var headers = new List<string>();
            foreach (string name in response.Headers.AllKeys)
                headers.Add(Quote(name.ToLowerInvariant()) + ":" + Quote(response.Headers[name]));
            return "{\"ok\":true,\"status\":" + (int) response.StatusCode
                + ",\"reason\":" + Quote(response.StatusDescription)
                + ",\"headers\":{" + string.Join(",", headers) + "},\"body\":" + Quote(reader.ReadToEnd()) + "}";
        }
    }

    // The outer message says "see inner exception"; what the server said is in the innermost.
    static string Told(Exception error)
    {
        var told = new StringBuilder();
        for (; error != null; error = error.InnerException)
            told.Append(told.Length > 0 ? " ---> " : "").Append(error.GetType().Name).Append(": ").Append(error.Message);
        return told.ToString();
    }

    static string Quote(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (char c in text ?? "") {
            if (c < ' ' || c > '~' || c == '"' || c == '\\') quoted.AppendFormat("\\u{0:x4}", (int) c);
            else quoted.Append(c);
        }
        return quoted.Append('"').ToString();
    }
}
