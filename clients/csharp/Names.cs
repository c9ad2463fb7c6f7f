using System;
using System.Collections.Generic;
using System.Linq;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Sundown
{
    /// <summary>Whether a certificate is for a host (RFC 6125): .NET 4.5 tells the names in it to people only.</summary>
    internal static class Names
    {
        const string SubjectAlternativeName = "2.5.29.17";
        // The kinds of GeneralName that matter (RFC 5280 section 4.2.1.6).
        const byte DnsName = 0x82, IpAddress = 0x87;

        public static bool Cover(X509Certificate2 certificate, string host)
        {
            IPAddress address;
            bool isAddress = IPAddress.TryParse(host, out address);
            foreach (X509Extension extension in certificate.Extensions) {
                if (extension.Oid.Value != SubjectAlternativeName) continue;
                foreach (var name in Read(extension.RawData)) {
                    if (isAddress && name.Key == IpAddress && name.Value.SequenceEqual(address.GetAddressBytes())) return true;
                    if (!isAddress && name.Key == DnsName && Matches(Encoding.ASCII.GetString(name.Value), host)) return true;
                }
            }
            return false;
        }

        // A wildcard stands for one whole label, the first.
        static bool Matches(string name, string host)
        {
            host = host.TrimEnd('.');
            if (name.StartsWith("*.") && host.IndexOf('.') > 0) {
                name = name.Substring(2);
                host = host.Substring(host.IndexOf('.') + 1);
                if (name.IndexOf('.') < 0) return false;
            }
            return string.Equals(name, host, StringComparison.OrdinalIgnoreCase);
        }

        // A SEQUENCE of tagged names, DER; what is cut short has no further names.
        static IEnumerable<KeyValuePair<byte, byte[]>> Read(byte[] der)
        {
            int at = 1;
            Length(der, ref at);
            while (at < der.Length) {
                byte kind = der[at++];
                int length = Length(der, ref at);
                if (length < 0 || length > der.Length - at) yield break;
                yield return new KeyValuePair<byte, byte[]>(kind, der.Skip(at).Take(length).ToArray());
                at += length;
            }
        }

        static int Length(byte[] der, ref int at)
        {
            if (at >= der.Length) return -1;
            int length = der[at++];
            if (length < 0x80) return length;
            int count = length & 0x7f;
            if (count > 3) return -1;
            for (length = 0; count > 0; count--) {
                if (at >= der.Length) return -1;
                length = length << 8 | der[at++];
            }
            return length;
        }
    }
}
