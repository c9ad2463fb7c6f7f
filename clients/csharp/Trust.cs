using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;

namespace Sundown
{
    /// <summary>Whom to trust: the system, or the authorities of a file and nobody else.</summary>
    internal sealed class Trust
    {
        readonly List<X509Certificate2> authorities;

        /// <summary>Why the certificate was refused, once it was.</summary>
        public string Refused;

        readonly string host;

        public Trust(string ca, string host)
        {
            this.host = host;
            if (ca == null) return;
            try {
                authorities = Regex.Matches(
                    File.ReadAllText(ca), "-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----").Cast<Match>()
                    .Select(match => new X509Certificate2(Convert.FromBase64String(match.Groups[1].Value))).ToList();
            } catch (Exception error) {
                throw new Unable("the file of authorities cannot be read", error.Message);
            }
            if (authorities.Count == 0) throw new Unable("the file of authorities cannot be read", "no certificate in " + ca);
        }

        public bool Validate(object sender, X509Certificate certificate, X509Chain chain, SslPolicyErrors errors)
        {
            if (authorities != null && (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) == 0 && certificate != null)
                return Chains(new X509Certificate2(certificate), chain);
            if (errors != SslPolicyErrors.None) Refused = errors.ToString();
            return errors == SslPolicyErrors.None;
        }

        // .NET 4.5 has no store of one's own to trust: the chain is built as if any root would do, and has to end at ours.
        bool Chains(X509Certificate2 certificate, X509Chain sent)
        {
            var chain = new X509Chain();
            chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
            chain.ChainPolicy.VerificationFlags = X509VerificationFlags.AllowUnknownCertificateAuthority;
            chain.ChainPolicy.ExtraStore.AddRange(authorities.ToArray());
            if (sent != null)
                foreach (X509ChainElement element in sent.ChainElements) chain.ChainPolicy.ExtraStore.Add(element.Certificate);
            bool built = chain.Build(certificate);
            var root = chain.ChainElements.Count == 0 ? null : chain.ChainElements[chain.ChainElements.Count - 1].Certificate;
            bool ours = root != null && authorities.Any(authority => authority.RawData.SequenceEqual(root.RawData));
            if (!built || !ours)
                Refused = "no chain to an authority of the file"
                    + string.Concat(chain.ChainStatus.Select(status => "; " + status.StatusInformation.Trim()));
            // Mono reports a name that does not match as one more error of the chain, which this is not to forgive.
            bool named = Names.Cover(certificate, host);
            if (!named) Refused = "the certificate is not for " + host;
            return built && ours && named;
        }
    }
}
