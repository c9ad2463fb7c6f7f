using System;
using System.IO;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;

/// <summary>What this Mono's SslStream negotiates, with the protocols that its web requests ask for.</summary>
static class Ask
{
    static void Say(string what, object said)
    {
        Console.WriteLine("sundown:" + what + " " + Convert.ToString(said).Replace('\n', ' '));
    }

    static int Main()
    {
        try {
            Call();
        } catch (Exception error) {
            string words = error.Message;
            for (Exception cause = error.InnerException; cause != null; cause = cause.InnerException) words += ": " + cause.Message;
            Say("error", words);
        }
        Console.Out.Flush();
        return 0;
    }

    static void Call()
    {
        string name = Environment.GetEnvironmentVariable("SUNDOWN_NAME");
        string ca = Environment.GetEnvironmentVariable("SUNDOWN_CA");
        // Mono cannot be told of another authority: with one, the certificate goes unverified, and nothing secret is sent.
        RemoteCertificateValidationCallback any = (sender, certificate, chain, problems) => true;
        var client = new TcpClient("127.0.0.1", int.Parse(Environment.GetEnvironmentVariable("SUNDOWN_PORT")));
        var stream = new SslStream(client.GetStream(), false, string.IsNullOrEmpty(ca) ? null : any);
        stream.AuthenticateAsClient(name, null, (SslProtocols) (int) ServicePointManager.SecurityProtocol, false);
        switch ((int) stream.SslProtocol) {
            case 192: Say("protocol", "TLSv1"); break;
            case 768: Say("protocol", "TLSv1.1"); break;
            case 3072: Say("protocol", "TLSv1.2"); break;
            case 12288: Say("protocol", "TLSv1.3"); break;
        }
        string request = Environment.GetEnvironmentVariable("SUNDOWN_REQUEST");
        if (string.IsNullOrEmpty(request)) return;
        byte[] bytes = Encoding.ASCII.GetBytes(request);
        stream.Write(bytes, 0, bytes.Length);
        Say("answer", "");
        Console.Out.Flush();
        Stream output = Console.OpenStandardOutput();
        var part = new byte[16384];
        for (int length; (length = stream.Read(part, 0, part.Length)) > 0; ) output.Write(part, 0, length);
        output.Flush();
    }
}
