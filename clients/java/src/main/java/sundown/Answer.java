package sundown;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** The answer: its fields, its words, and the lines it is shown as. */
final class Answer {
    /** An advice is a few sentences. */
    private static final int LONGEST_TEXT = 2000;
    /** What steers a terminal or reorders a line (Unicode TR 9). */
    private static final Pattern STEERING = Pattern.compile(
        "[\\x00-\\x1f\\x7f-\\x9f\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069]+");

    private Answer() {
    }

    static Map<String, Object> empty(String url, String runtime, String library) {
        Map<String, Object> own = new LinkedHashMap<>();
        own.put("runtime", runtime);
        own.put("library", library);
        own.put("protocol", null);
        own.put("cipher", null);
        Map<String, Object> answer = new LinkedHashMap<>();
        String shown = line(url);
        answer.put("url", shown.substring(0, Math.min(shown.length(), 200)));
        answer.put("verdict", "unknown");
        for (String name : new String[] {"survives", "summary"}) {
            answer.put(name, null);
        }
        answer.put("own", own);
        answer.put("server", null);
        answer.put("differs", null);
        answer.put("floors", new ArrayList<Object>());
        for (String name : new String[] {"alert", "fix", "contact", "error"}) {
            answer.put(name, null);
        }
        return answer;
    }

    static Map<String, Object> finish(Map<String, Object> answer) {
        if (answer.get("error") != null) {
            answer.put("error", line((String) answer.get("error")));
        }
        int exit = exit((String) answer.get("verdict"));
        answer.put("survives", exit == 2 ? null : (Object) (exit == 0));
        return answer;
    }

    /** 0 survives, 1 will not, 2 could not tell. */
    static int exit(String verdict) {
        switch (verdict) {
            case "ok":
                return 0;
            case "at-risk":
            case "blocked":
            case "refused":
                return 1;
            default:
                return 2;
        }
    }

    /** The words for a verdict of the server's; null for what is none. */
    static String summary(String verdict) {
        switch (verdict) {
            case "ok":
                return "this client meets every floor of the server";
            case "at-risk":
                return "this client is served today and misses a floor";
            case "blocked":
                return "the server turns this client's requests away";
            default:
                return null;
        }
    }

    static Map<String, Object> fix(String summary, String snippet, String verify) {
        Map<String, Object> fix = new LinkedHashMap<>();
        fix.put("summary", summary);
        fix.put("snippet", snippet);
        fix.put("verify", verify);
        return fix;
    }

    static String line(String text) {
        return STEERING.matcher(cut(text)).replaceAll(" ").trim();
    }

    static String cut(String text) {
        return text.substring(0, Math.min(text.length(), LONGEST_TEXT));
    }

    /** Those that are there, with commas; null where none is. */
    static String joined(Object... parts) {
        StringBuilder all = new StringBuilder();
        for (Object part : parts) {
            if (part != null) {
                all.append(all.length() > 0 ? ", " : "").append(part);
            }
        }
        return all.length() > 0 ? all.toString() : null;
    }

    /** The answer as lines for people. */
    static String render(Map<String, Object> answer) {
        List<String> lines = new ArrayList<>();
        Map<?, ?> own = (Map<?, ?>) answer.get("own");
        Map<?, ?> server = (Map<?, ?>) answer.get("server");
        Map<?, ?> fix = (Map<?, ?>) answer.get("fix");
        add(lines, "url", answer.get("url"));
        add(lines, "runtime", own.get("runtime") + ", " + own.get("library"));
        add(lines, "here", joined(own.get("protocol"), own.get("cipher")));
        if (server != null) {
            add(lines, "server", joined(server.get("protocol"), server.get("cipher"), server.get("group")));
        }
        if (Boolean.TRUE.equals(answer.get("differs"))) {
            add(lines, "between", "something between this client and the server re-encrypts; the fix is due there");
        }
        for (Object floor : (List<?>) answer.get("floors")) {
            add(lines, "floor", floorLine((Map<?, ?>) floor));
        }
        add(lines, "verdict", answer.get("verdict") + ": " + answer.get("summary"));
        add(lines, "error", answer.get("error"));
        if (fix != null) {
            add(lines, "fix", fix.get("summary"));
            for (String line : fix.get("snippet") == null ? new String[0] : ((String) fix.get("snippet")).split("\n")) {
                add(lines, "", line.isEmpty() ? null : line);
            }
            add(lines, "verify", fix.get("verify"));
        }
        add(lines, "help", answer.get("contact"));
        add(lines, "report", server == null ? null : server.get("report"));
        return String.join("\n", lines);
    }

    private static void add(List<String> lines, String name, Object value) {
        if (value != null) {
            lines.add(String.format("%-8s %s", name, value));
        }
    }

    private static String floorLine(Map<?, ?> floor) {
        Object name = floor.get("name") != null ? floor.get("name") : floor.get("sunset");
        if (floor.get("name") != null && floor.get("sunset") != null) {
            name = floor.get("name") + " (" + floor.get("sunset") + ")";
        }
        String shown = name == null ? "the server's" : name.toString();
        if ("meets".equals(floor.get("verdict"))) {
            return shown + ": meets";
        }
        List<String> parts = new ArrayList<>();
        parts.add(floor.get("verdict") == null ? "unknown" : floor.get("verdict").toString());
        for (Object because : (List<?>) floor.get("because")) {
            parts.add(because.toString());
        }
        List<?> needed = (List<?>) floor.get("needed");
        if (!needed.isEmpty()) {
            parts.add("needs " + joined(needed.toArray()));
        }
        Map<?, ?> next = (Map<?, ?>) floor.get("next");
        if (floor.get("exception_until") != null) {
            parts.add("excepted until " + floor.get("exception_until"));
        } else if (next != null) {
            parts.add(next.get("phase") + " from " + next.get("at"));
        }
        return shown + ": " + String.join("; ", parts);
    }
}
