package example;

import org.apache.commons.lang3.StringUtils;

/** What functions share. */
public final class Shared {
    private Shared() {}

    public static String padded(String name) {
        return StringUtils.leftPad(name, 8, '*');
    }
}
