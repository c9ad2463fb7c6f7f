package sundown;

import java.io.ByteArrayOutputStream;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.SocketTimeoutException;
import java.net.URL;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSession;
import javax.net.ssl.TrustManagerFactory;

/**
 * Will this Java survive the server's next change of TLS?
 *
 * <p>Asks a server's /ssl/ what it thinks of this client, says the same of this Java's own TLS library, and names the fix.
 * No dependencies, Java 8 and later.
 *
 * <pre>
 *   Map&lt;String, Object&gt; answer = Check.run("https://api.example.com", null, 10);
 *   answer.get("verdict");  // ok, at-risk, blocked, refused or unknown
 * </pre>
 */
public final class Check {
    static final String VERSION = "0.1.0";

    /** An answer of /ssl/ has a few KiB. */
    private static final int LONGEST_ANSWER = 1 << 20;
    private static final String RUNTIME = "Java " + System.getProperty("java.version");

    private static final Pattern CHECKABLE = Pattern.compile(
        "https://([a-z0-9._-]+|\\[[0-9a-f:.]+\\])(?::([0-9]{1,5}))?((?:[/?][!-~]*)?)", Pattern.CASE_INSENSITIVE);

    /** JSSE's words for alerts 70, 71 and 40 (RFC 8446 section 6.2). */
    private static final String ALERT = "Received fatal alert: ";
    private static final String[] ALERTS = {"protocol_version", "insufficient_security", "handshake_failure"};

    private final Map<String, Object> answer;

    private Check(Map<String, Object> answer) {
        this.answer = answer;
    }

    /**
     * Asks the URL (its /ssl/ where it names no path) and returns the answer. Never throws.
     *
     * @param ca a PEM file of the authorities to trust instead of this Java's, or null
     * @param timeout the seconds that all of it may take
     */
    public static Map<String, Object> run(String url, String ca, double timeout) {
        Check check = new Check(Answer.empty(url, RUNTIME, library()));
        // A socket's own timeout starts anew with each byte, and does not cover the look-up of a name.
        Thread worker = new Thread(() -> check.attempt(url, ca, timeout), "sundown-check");
        worker.setDaemon(true);
        worker.start();
        try {
            worker.join(Math.max(1, (long) (timeout * 1000)));
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
        if (!worker.isAlive()) {
            return Answer.finish(check.answer);
        }
        // The worker may still write to its own.
        Map<String, Object> late = Answer.empty(url, RUNTIME, library());
        late.put("summary", late(timeout));
        return Answer.finish(late);
    }

    private static String library() {
        try {
            return SSLContext.getDefault().getProvider().toString().replaceAll(" version ", " ");
        } catch (GeneralSecurityException error) {
            return "no TLS provider";
        }
    }

    private static String late(double timeout) {
        return "no complete answer within " + (timeout == Math.rint(timeout) ? "" + (long) timeout : "" + timeout) + " s";
    }

    private void attempt(String url, String ca, double timeout) {
        try {
            ask(url, ca, timeout);
        } catch (Unable unable) {
            answer.put("summary", unable.getMessage());
            answer.put("error", unable.said);
        } catch (SocketTimeoutException error) {
            answer.put("summary", late(timeout));
        } catch (IOException | GeneralSecurityException | RuntimeException error) {
            answer.put("summary", "the check itself failed");
            answer.put("error", words(error));
        }
    }

    private void ask(String url, String ca, double timeout) throws IOException, GeneralSecurityException {
        if (url.regionMatches(true, 0, "http://", 0, 7)) {
            throw new Unable("the URL is plain HTTP; write https:// to check TLS", null);
        }
        Matcher parts = CHECKABLE.matcher(url);
        boolean matches = parts.matches();
        int port = !matches ? 0 : parts.group(2) == null ? 443 : Integer.parseInt(parts.group(2));
        if (port < 1 || port > 65535) {
            throw new Unable("the URL is not one to check; write https://host[:port][/path]", null);
        }
        String host = parts.group(1).toLowerCase(Locale.ROOT);
        String place = port == 443 ? host : host + ":" + port;
        String path = parts.group(3).split("#", 2)[0].replaceFirst("^\\?", "/?");
        String target = "https://" + place + (path.isEmpty() || path.equals("/") ? "/ssl/" : path);
        answer.put("url", target);

        HttpsURLConnection connection = (HttpsURLConnection) new URL(target).openConnection();
        NotingFactory sockets = new NotingFactory(
            ca == null ? HttpsURLConnection.getDefaultSSLSocketFactory() : trusting(ca).getSocketFactory());
        connection.setSSLSocketFactory(sockets);
        connection.setInstanceFollowRedirects(false);
        connection.setUseCaches(false);
        connection.setConnectTimeout((int) (timeout * 1000) + 1);
        connection.setReadTimeout((int) (timeout * 1000) + 1);
        connection.setRequestProperty("Accept", "application/json");
        connection.setRequestProperty("Connection", "close");
        connection.setRequestProperty("User-Agent", "sundown-check/" + VERSION + " " + RUNTIME.replace(' ', '/'));
        try {
            if (secure(connection, sockets, place)) {
                exchange(connection);
            }
        } finally {
            connection.disconnect();
        }
    }

    private static SSLContext trusting(String ca) throws GeneralSecurityException, IOException {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (InputStream file = new FileInputStream(ca)) {
            int count = 0;
            for (Certificate certificate : CertificateFactory.getInstance("X.509").generateCertificates(file)) {
                store.setCertificateEntry("ca" + count++, certificate);
            }
        } catch (IOException | CertificateException error) {
            throw new Unable("the file of authorities cannot be read", words(error));
        }
        if (store.size() == 0) {
            throw new Unable("the file of authorities cannot be read", "no certificate in " + ca);
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    /** Shakes hands; the library's words for a failure are turned into the answer they stand for. */
    private boolean secure(HttpsURLConnection connection, NotingFactory sockets, String place) throws IOException {
        try {
            connection.connect();
        } catch (SocketTimeoutException error) {
            throw error;
        } catch (IOException error) {
            String words = words(error);
            for (String alert : ALERTS) {
                if (words.contains(ALERT + alert)) {
                    refused(alert, words);
                    return false;
                }
            }
            if (words.contains("No appropriate protocol")) {
                answer.put("fix", fix("protocol_version"));
                throw new Unable("this runtime refuses by itself, before the server can", words);
            }
            for (Throwable cause = error; cause != null; cause = cause.getCause()) {
                if (cause instanceof GeneralSecurityException) {
                    throw new Unable("the server's certificate is not trusted; --ca FILE names an authority to trust", words);
                }
            }
            boolean unreached = error instanceof ConnectException || error instanceof UnknownHostException
                || error instanceof NoRouteToHostException || sockets.last == null;
            throw new Unable(unreached ? "cannot reach " + place : "the handshake failed", words);
        }
        SSLSession session = sockets.last.getSession();
        @SuppressWarnings("unchecked")
        Map<String, Object> own = (Map<String, Object>) answer.get("own");
        own.put("protocol", session.getProtocol());
        own.put("cipher", session.getCipherSuite());
        return true;
    }

    private void refused(String alert, String words) {
        boolean version = alert.equals("protocol_version");
        answer.put("alert", alert);
        answer.put("verdict", "refused");
        answer.put("error", words);
        answer.put("summary", (version
            ? "the server needs a later TLS version than this client offers"
            : "the server accepts no cipher suite or group that this client offers")
            + "; this runtime's library is " + library());
        answer.put("fix", fix(alert));
    }

    private Map<String, Object> fix(String alert) {
        return alert.equals("protocol_version")
            ? Answer.fix(RUNTIME + " offers TLSv1.2 and later unless something holds it to less: search the command line, "
                + "JAVA_TOOL_OPTIONS and code for https.protocols, jdk.tls.client.protocols, setEnabledProtocols and "
                + "SSLContext.getInstance(\"TLSv1\"), and remove them. TLSv1.3 takes Java 11 or 8u261.",
                "grep -rnE 'https.protocols|client.protocols|setEnabledProtocols|\"TLSv1(.1)?\"' .", verify())
            : Answer.fix("Remove https.cipherSuites, jdk.tls.client.cipherSuites, jdk.tls.namedGroups and "
                + "setEnabledCipherSuites, and what java.security bans in jdk.tls.disabledAlgorithms beyond its default, or move "
                + "to a current Java.", null, verify());
    }

    private String verify() {
        return "java -jar sundown-check.jar " + answer.get("url");
    }

    private void exchange(HttpsURLConnection connection) throws IOException {
        int status;
        byte[] body;
        try {
            status = connection.getResponseCode();
            if (status == -1) {
                throw new Unable("the answer is not HTTP", null);
            }
            body = bounded(status < 400 ? connection.getInputStream() : connection.getErrorStream());
        } catch (SocketTimeoutException | Unable error) {
            throw error;
        } catch (IOException error) {
            boolean http = !words(error).contains("Invalid Http response");
            throw new Unable(
                http ? "the connection ended before the answer was complete" : "the answer is not HTTP", words(error));
        }
        // Without a word it hands out less than was announced.
        if (body.length < connection.getContentLengthLong()) {
            throw new Unable("the connection ended before the answer was complete", null);
        }
        String kind = connection.getContentType();
        new Reading(answer).read(status, kind == null ? "" : kind, connection.getHeaderField("Sundown-Notice"),
            new String(body, StandardCharsets.UTF_8));
    }

    private static byte[] bounded(InputStream stream) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        byte[] part = new byte[16384];
        int length;
        while (stream != null && (length = stream.read(part)) >= 0) {
            all.write(part, 0, length);
            if (all.size() > LONGEST_ANSWER) {
                throw new Unable("the answer is longer than 1 MiB", null);
            }
        }
        return all.toByteArray();
    }

    /** An error and its causes, none of them twice. */
    private static String words(Throwable error) {
        StringBuilder words = new StringBuilder(error.toString());
        for (Throwable cause = error.getCause(); cause != null; cause = cause.getCause()) {
            if (cause.getMessage() != null && words.indexOf(cause.getMessage()) < 0) {
                words.append(": ").append(cause.getMessage());
            }
        }
        return words.toString();
    }

    private static final String USAGE = "usage: sundown-check [--json] [--ca FILE] [--timeout SECONDS] URL\n";
    private static final String HELP = USAGE
        + "\nAsks a server's /ssl/ whether this Java survives its next change of TLS.\n\n"
        + "  URL                https://host[:port][/path]; the path is /ssl/ unless given\n"
        + "  --json             print the answer as JSON\n"
        + "  --ca FILE          trust the authorities in this PEM file instead of this Java's\n"
        + "  --timeout SECONDS  for all of it; default 10\n\n"
        + "Exit code: 0 survives, 1 will not, 2 could not tell.\n";

    /** The command line. Exit code: 0 survives, 1 will not, 2 could not tell. */
    public static void main(String[] arguments) throws IOException {
        String url = null;
        String ca = null;
        double timeout = 10;
        boolean json = false;
        for (int i = 0; i < arguments.length; i++) {
            String word = arguments[i];
            String value = null;
            if (word.startsWith("--") && word.contains("=")) {
                value = word.substring(word.indexOf('=') + 1);
                word = word.substring(0, word.indexOf('='));
            }
            if (word.equals("--help") || word.equals("-h")) {
                System.out.print(HELP);
                System.exit(0);
            } else if (word.equals("--json") && value == null) {
                json = true;
            } else if (word.equals("--ca") || word.equals("--timeout")) {
                if (value == null) {
                    value = ++i < arguments.length ? arguments[i] : misused(word + " takes a value");
                }
                if (word.equals("--ca")) {
                    ca = value;
                } else {
                    timeout = seconds(value);
                }
            } else if (word.startsWith("-")) {
                misused("there is no option " + word);
            } else if (url != null) {
                misused("one URL at a time");
            } else {
                url = word;
            }
        }
        Map<String, Object> answer = run(url == null ? misused("which URL?") : url, ca, timeout);
        PrintStream out = new PrintStream(System.out, false, "UTF-8");
        out.println(json ? Json.write(answer) : Answer.render(answer));
        out.flush();
        System.exit(Answer.exit((String) answer.get("verdict")));
    }

    private static double seconds(String value) {
        double seconds = 0;
        try {
            seconds = Double.parseDouble(value);
        } catch (NumberFormatException error) {
            // Said below.
        }
        if (!(seconds > 0 && seconds <= 3600)) {
            misused("--timeout takes seconds, up to 3600");
        }
        return seconds;
    }

    private static String misused(String why) {
        System.err.print(USAGE + "sundown-check: " + why + "\n");
        System.exit(2);
        return why;
    }

    /** Why the answer is `unknown`, and what the library said. */
    static final class Unable extends IOException {
        private static final long serialVersionUID = 1;
        final String said;

        Unable(String summary, String said) {
            super(summary);
            this.said = said;
        }
    }
}
