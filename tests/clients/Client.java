// Java, HttpURLConnection; run from source: `java Client.java URL CAFILE [MAXVERSION] [METHOD]`.
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.Security;
import java.security.cert.CertificateFactory;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

public class Client {
    public static void main(String[] args) throws Exception {
        String held = args.length > 2 ? args[2] : "-";
        String method = args.length > 3 ? args[3] : "GET";
        if (!held.equals("-")) {
            // Since 11.0.11 the JDK bans TLSv1 and TLSv1.1 itself and would not send a hello at all.
            Security.setProperty("jdk.tls.disabledAlgorithms", "");
            System.setProperty("https.protocols", held);
        }
        String answer;
        try {
            answer = ask(args[0], args[1], method);
        } catch (IOException error) {
            answer = "{\"ok\":false,\"error\":" + quote(error.toString()) + ",\"code\":\"\"}";
        }
        System.out.println(answer);
    }

    private static String ask(String url, String ca, String method) throws Exception {
        HttpsURLConnection connection = (HttpsURLConnection) new URL(url).openConnection();
        connection.setSSLSocketFactory(trusting(ca).getSocketFactory());
        connection.setRequestMethod(method);
        if (System.getenv("API_KEY") != null) {
            connection.setRequestProperty("X-Api-Key", System.getenv("API_KEY"));
        }
        connection.setInstanceFollowRedirects(false);
        int status = connection.getResponseCode();
        InputStream stream = status < 400 ? connection.getInputStream() : connection.getErrorStream();
        String body = stream == null ? "" : new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        StringJoiner headers = new StringJoiner(",", "{", "}");
        for (Map.Entry<String, List<String>> header : connection.getHeaderFields().entrySet()) {
            // The status line is filed under the null name.
            if (header.getKey() != null) {
                headers.add(quote(header.getKey().toLowerCase()) + ":" + quote(String.join(", ", header.getValue())));
            }
        }
        String reason = connection.getResponseMessage() == null ? "" : connection.getResponseMessage();
        return "{\"ok\":true,\"status\":" + status + ",\"reason\":" + quote(reason)
            + ",\"headers\":" + headers + ",\"body\":" + quote(body) + "}";
    }

    private static SSLContext trusting(String ca) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (FileInputStream file = new FileInputStream(ca)) {
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    private static String quote(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c < ' ' || c > '~' || c == '"' || c == '\\') {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        return out.append('"').toString();
    }
}
