package sundown;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;

/** Keeps the last socket it made: HttpsURLConnection itself tells the protocol from Java 12 on only. */
final class NotingFactory extends SSLSocketFactory {
    private final SSLSocketFactory factory;
    SSLSocket last;

    NotingFactory(SSLSocketFactory factory) {
        this.factory = factory;
    }

    private Socket note(Socket socket) {
        last = (SSLSocket) socket;
        return socket;
    }

    @Override
    public Socket createSocket(Socket socket, String host, int port, boolean close) throws IOException {
        return note(factory.createSocket(socket, host, port, close));
    }

    @Override
    public Socket createSocket() throws IOException {
        return note(factory.createSocket());
    }

    @Override
    public Socket createSocket(String host, int port) throws IOException {
        return note(factory.createSocket(host, port));
    }

    @Override
    public Socket createSocket(String host, int port, InetAddress from, int fromPort) throws IOException {
        return note(factory.createSocket(host, port, from, fromPort));
    }

    @Override
    public Socket createSocket(InetAddress host, int port) throws IOException {
        return note(factory.createSocket(host, port));
    }

    @Override
    public Socket createSocket(InetAddress host, int port, InetAddress from, int fromPort) throws IOException {
        return note(factory.createSocket(host, port, from, fromPort));
    }

    @Override
    public String[] getDefaultCipherSuites() {
        return factory.getDefaultCipherSuites();
    }

    @Override
    public String[] getSupportedCipherSuites() {
        return factory.getSupportedCipherSuites();
    }
}
