import java.io.FileInputStream;
import java.io.InputStream;
import java.net.Socket;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSession;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/** What this Java's JSSE negotiates. */
public class Ask {
    static void say(String what, Object said) {
        System.out.println("sundown:" + what + " " + String.valueOf(said).replace('\n', ' '));
    }

    public static void main(String[] arguments) {
        try {
            call();
        } catch (Exception error) {
            StringBuilder words = new StringBuilder();
            for (Throwable cause = error; cause != null; cause = cause.getCause()) {
                if (cause.getMessage() != null && words.indexOf(cause.getMessage()) < 0) {
                    words.append(words.length() == 0 ? "" : ": ").append(cause.getMessage());
                }
            }
            say("error", words);
        }
        System.out.flush();
    }

    static void call() throws Exception {
        String name = System.getenv("SUNDOWN_NAME");
        Socket plain = new Socket("127.0.0.1", Integer.parseInt(System.getenv("SUNDOWN_PORT")));
        SSLSocket stream = (SSLSocket) trust().getSocketFactory().createSocket(plain, name, 443, true);
        SSLParameters parameters = stream.getSSLParameters();
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        stream.setSSLParameters(parameters);
        // HttpsURLConnection reads it; a socket does not.
        String protocols = System.getProperty("https.protocols");
        if (protocols != null) stream.setEnabledProtocols(protocols.trim().split("\\s*,\\s*"));
        stream.startHandshake();
        SSLSession session = stream.getSession();
        say("protocol", session.getProtocol());
        say("cipher", session.getCipherSuite());
        String request = System.getenv("SUNDOWN_REQUEST");
        if (request.isEmpty()) return;
        stream.getOutputStream().write(request.getBytes("US-ASCII"));
        stream.getOutputStream().flush();
        say("answer", "");
        System.out.flush();
        InputStream input = stream.getInputStream();
        byte[] part = new byte[16384];
        for (int length; (length = input.read(part)) > 0; ) System.out.write(part, 0, length);
    }

    static SSLContext trust() throws Exception {
        String file = System.getenv("SUNDOWN_CA");
        if (file.isEmpty()) return SSLContext.getDefault();
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (InputStream input = new FileInputStream(file)) {
            for (Certificate one : CertificateFactory.getInstance("X.509").generateCertificates(input)) {
                store.setCertificateEntry("authority " + store.size(), one);
            }
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }
}
