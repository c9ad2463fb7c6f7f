using System;
using System.ComponentModel;
using System.Reflection;
using System.Text.RegularExpressions;

namespace Sundown
{
    /// <summary>What differs between .NET Framework, .NET and Mono.</summary>
    internal static class Platform
    {
        public static string Runtime()
        {
            Type mono = Type.GetType("Mono.Runtime");
            if (mono == null) return ".NET " + Environment.Version;
            MethodInfo name = mono.GetMethod("GetDisplayName", BindingFlags.NonPublic | BindingFlags.Static);
            return "Mono " + (name == null ? "" : ((string) name.Invoke(null, null)).Split(' ')[0]);
        }

        public static string Library()
        {
            if (Type.GetType("Mono.Runtime") == null) {
                return Environment.OSVersion.Platform == PlatformID.Win32NT ? "SChannel of " + Environment.OSVersion : "OpenSSL";
            }
            try {
                Type factory = Assembly.Load("Mono.Security, Version=4.0.0.0, Culture=neutral, PublicKeyToken=0738eb9f132ed756").GetType("Mono.Security.Interface.MonoTlsProviderFactory");
                object provider = factory.GetMethod("GetProvider", Type.EmptyTypes).Invoke(null, null);
                string name = (string) provider.GetType().GetProperty("Name").GetValue(provider, null);
                return name == "btls" ? "BoringSSL of " + Runtime() : "'" + name + "' of " + Runtime();
            } catch (Exception) {
                return "the TLS of " + Runtime(); // said less precisely where Mono keeps it elsewhere
            }
        }

        public static string Protocol(int number)
        {
            switch (number) {
                case 48: return "SSLv3";
                case 192: return "TLSv1";
                case 768: return "TLSv1.1";
                case 3072: return "TLSv1.2";
                case 12288: return "TLSv1.3";
                default: return null;
            }
        }

        /// <summary>Which of alerts 70, 71 and 40 (RFC 8446 section 6.2) ended the handshake; null for none of them.</summary>
        public static string Alert(Exception error, string words)
        {
            // OpenSSL and BoringSSL: "SSLV3_ALERT_HANDSHAKE_FAILURE", "tlsv1 alert protocol version".
            if (Regex.IsMatch(words, "alert[ _]protocol[ _]version", RegexOptions.IgnoreCase)) return "protocol_version";
            if (Regex.IsMatch(words, "alert[ _]insufficient[ _]security", RegexOptions.IgnoreCase)) return "insufficient_security";
            if (Regex.IsMatch(words, "alert[ _]handshake[ _]failure", RegexOptions.IgnoreCase)) return "handshake_failure";
            // SChannel has an error code for each alert and no words of its own: "SSL/TLS Alert Protocol and the Alert
            // Codes", Microsoft.
            for (; error != null; error = error.InnerException) {
                var native = error as Win32Exception;
                if (native == null) continue;
                switch ((uint) native.NativeErrorCode) {
                    case 0x80090302: return "protocol_version"; // SEC_E_UNSUPPORTED_FUNCTION
                    case 0x80090331: return "insufficient_security"; // SEC_E_ALGORITHM_MISMATCH
                    case 0x80090326: return "handshake_failure"; // SEC_E_ILLEGAL_MESSAGE
                }
            }
            return null;
        }
    }
}
