package sundown;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What the server says of the connection: an answer of /ssl/, an explanation, or the header that warns. */
final class Reading {
    private static final String EXPLANATION = "urn:sundown:problem:tls-floor";
    private static final Pattern NOTICE = Pattern.compile("([a-z-]+)=\"([^\"]*)\"");
    /** A plan has a few sunsets. */
    private static final int LONGEST_LIST = 32;

    private final Map<String, Object> answer;

    Reading(Map<String, Object> answer) {
        this.answer = answer;
    }

    void read(int status, String kind, String notice, String body) throws Check.Unable {
        Map<String, Object> told;
        try {
            told = object(Json.read(body));
        } catch (IllegalArgumentException error) {
            told = Collections.emptyMap(); // not JSON, which the last branch says
        }
        if (EXPLANATION.equals(told.get("type"))) {
            explained(told);
        } else if (text(told, "protocol") != null) {
            answered(told);
        } else if (notice != null) {
            noticed(status, Answer.line(notice));
        } else {
            String shown = Answer.line(kind.split(";", 2)[0]);
            throw new Check.Unable("the server does not say how it sees this client (HTTP " + status + ", "
                + (shown.isEmpty() ? "no content type" : shown) + ")", null);
        }
        compare(told.get("cipher_iana"));
    }

    private void answered(Map<String, Object> told) {
        Map<String, Object> client = object(told.get("client"));
        Map<String, Object> server = seen(told);
        server.put("client", Answer.joined(text(client, "runtime"), text(client, "version"), text(client, "library")));
        server.put("report", text(told, "report"));
        List<Object> floors = new ArrayList<>();
        for (Object each : list(told, "floors")) {
            if (each instanceof Map) {
                Map<String, Object> one = object(each);
                floors.add(floor(one));
                if ("misses".equals(one.get("verdict")) && answer.get("contact") == null) {
                    answer.put("contact", text(one, "contact"));
                }
            }
        }
        answer.put("floors", floors);
        answer.put("fix", advice(told));
        Object verdict = told.get("verdict");
        if (verdict instanceof String && Answer.summary((String) verdict) != null) {
            conclude((String) verdict);
        } else {
            answer.put("summary", "the server gives no verdict");
        }
    }

    private void explained(Map<String, Object> told) {
        seen(object(told.get("seen")));
        Map<String, Object> floor = new HashMap<>();
        floor.put("sunset", told.get("sunset"));
        floor.put("verdict", "misses");
        floor.put("needed", told.get("needed"));
        answer.put("floors", Collections.singletonList(floor(floor)));
        answer.put("contact", text(told, "contact"));
        answer.put("fix", advice(told));
        conclude("blocked");
    }

    private void noticed(int status, String notice) {
        Map<String, Object> fields = new HashMap<>();
        Matcher matcher = NOTICE.matcher(notice);
        while (matcher.find()) {
            fields.put(matcher.group(1), matcher.group(2));
        }
        Map<String, Object> seen = new HashMap<>();
        seen.put("protocol", fields.get("seen"));
        seen.put("cipher", fields.get("seen-cipher"));
        seen.put("group", fields.get("seen-group"));
        seen(seen);
        List<Object> needed = new ArrayList<>();
        for (String name : new String[] {"needed", "needed-cipher", "needed-group"}) {
            needed.add(fields.get(name));
        }
        Map<String, Object> floor = new HashMap<>();
        floor.put("verdict", "misses");
        floor.put("needed", needed);
        answer.put("floors", Collections.singletonList(floor(floor)));
        conclude(status >= 400 ? "blocked" : "at-risk");
    }

    private void conclude(String verdict) {
        answer.put("verdict", verdict);
        answer.put("summary", Answer.summary(verdict));
    }

    private Map<String, Object> seen(Map<String, Object> told) {
        Map<String, Object> server = new LinkedHashMap<>();
        for (String name : new String[] {"protocol", "cipher", "group"}) {
            server.put(name, text(told, name));
        }
        server.put("client", null);
        server.put("report", null);
        answer.put("server", server);
        return server;
    }

    private static Map<String, Object> floor(Map<String, Object> told) {
        Map<String, Object> floor = new LinkedHashMap<>();
        for (String name : new String[] {"name", "sunset", "phase", "verdict"}) {
            floor.put(name, text(told, name));
        }
        floor.put("because", texts(told, "because"));
        floor.put("needed", texts(told, "needed"));
        Map<String, Object> following = object(told.get("next"));
        Map<String, Object> next = new LinkedHashMap<>();
        next.put("phase", text(following, "phase"));
        next.put("at", text(following, "at"));
        floor.put("next", next.containsValue(null) ? null : next);
        floor.put("exception_until", text(told, "exception_until"));
        return floor;
    }

    private static Map<String, Object> advice(Map<String, Object> told) {
        Map<String, Object> advice = object(told.get("advice"));
        String summary = text(advice, "summary");
        if (summary == null) {
            return null;
        }
        String snippet = null;
        if (advice.get("snippet") instanceof String) {
            StringBuilder lines = new StringBuilder();
            for (String line : Answer.cut((String) advice.get("snippet")).split("\n")) {
                lines.append(lines.length() > 0 ? "\n" : "").append(Answer.line(line));
            }
            snippet = lines.toString();
        }
        return Answer.fix(summary, snippet, text(advice, "verify"));
    }

    /** Whether the server saw another connection than the one that was made here. */
    private void compare(Object iana) {
        Map<String, Object> own = object(answer.get("own"));
        Map<String, Object> server = object(answer.get("server"));
        String protocol = text(own, "protocol");
        String cipher = text(own, "cipher");
        Boolean differs = null;
        if (protocol != null && server.get("protocol") != null) {
            differs = !protocol.equals(server.get("protocol"));
        }
        if (cipher != null && iana instanceof String) {
            // JSSE has IANA's names; the oldest begin as they did in SSL 3.0.
            differs = Boolean.TRUE.equals(differs) || !cipher.replaceFirst("^SSL_", "TLS_").equals(iana);
        }
        answer.put("differs", differs);
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> object(Object value) {
        return value instanceof Map ? (Map<String, Object>) value : Collections.<String, Object>emptyMap();
    }

    private static String text(Map<String, Object> told, String name) {
        Object value = told.get(name);
        String text = value instanceof String ? Answer.line((String) value) : "";
        return text.isEmpty() ? null : text;
    }

    private static List<?> list(Map<String, Object> told, String name) {
        Object value = told.get(name);
        List<?> list = value instanceof List ? (List<?>) value : Collections.emptyList();
        return list.subList(0, Math.min(list.size(), LONGEST_LIST));
    }

    private static List<Object> texts(Map<String, Object> told, String name) {
        List<Object> texts = new ArrayList<>();
        for (Object each : list(told, name)) {
            if (each instanceof String) {
                texts.add(Answer.line((String) each));
            }
        }
        return texts;
    }
}
