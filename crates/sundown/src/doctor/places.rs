//! Where runtimes are: one line a place. `*` stands for any one directory, `~` for the home directory.

/// A place, and the variable that moves its beginning.
pub(super) struct Place {
    /// Where the variable is set, it stands for the part of `pattern` up to `//`.
    pub(super) variable: Option<&'static str>,
    pub(super) pattern: &'static str,
}

const fn at(pattern: &'static str) -> Place {
    Place {
        variable: None,
        pattern,
    }
}

const fn moved(variable: &'static str, pattern: &'static str) -> Place {
    Place {
        variable: Some(variable),
        pattern,
    }
}

/// Beside `PATH`, in the order in which they are looked at.
pub(super) const PLACES: &[Place] = &[
    // Variables that name one installation.
    moved("JAVA_HOME", "//bin"),
    moved("JRE_HOME", "//bin"),
    moved("JDK_HOME", "//bin"),
    moved("GOROOT", "//bin"),
    moved("DOTNET_ROOT", "/usr/share/dotnet//."),
    // The system's own.
    at("/usr/local/bin"),
    at("/usr/local/sbin"),
    at("/usr/bin"),
    at("/usr/sbin"),
    at("/bin"),
    at("/usr/local/*/bin"),
    at("/usr/lib/jvm/*/bin"),
    at("/usr/lib/jvm/*/jre/bin"),
    at("/usr/java/*/bin"),
    at("/usr/lib/go-*/bin"),
    at("/usr/lib/dotnet"),
    at("/usr/lib64/dotnet"),
    at("/opt/bin"),
    at("/opt/*"),
    at("/opt/*/bin"),
    at("/opt/*/*/bin"),
    at("/opt/rh/*/root/usr/bin"),
    at("/snap/bin"),
    at("/home/linuxbrew/.linuxbrew/bin"),
    at("/opt/homebrew/bin"),
    at("/Library/Java/JavaVirtualMachines/*/Contents/Home/bin"),
    at("/Library/Frameworks/Python.framework/Versions/*/bin"),
    // The user's own.
    at("~/.local/bin"),
    at("~/bin"),
    at("~/.dotnet"),
    at("~/.jdks/*/bin"),
    at("~/sdk/*/bin"),
    at("~/.local/share/uv/python/*/bin"),
    at("~/miniconda3/bin"),
    at("~/miniconda3/envs/*/bin"),
    at("~/anaconda3/bin"),
    at("~/anaconda3/envs/*/bin"),
    // Version managers.
    moved("PYENV_ROOT", "~/.pyenv//versions/*/bin"),
    moved("RBENV_ROOT", "~/.rbenv//versions/*/bin"),
    moved("NODENV_ROOT", "~/.nodenv//versions/*/bin"),
    moved("GOENV_ROOT", "~/.goenv//versions/*/bin"),
    moved("PHPENV_ROOT", "~/.phpenv//versions/*/bin"),
    moved("PLENV_ROOT", "~/.plenv//versions/*/bin"),
    moved("JENV_ROOT", "~/.jenv//versions/*/bin"),
    moved("NVM_DIR", "~/.nvm//versions/node/*/bin"),
    moved("NVM_DIR", "~/.nvm//v*/bin"),
    moved(
        "FNM_DIR",
        "~/.local/share/fnm//node-versions/*/installation/bin",
    ),
    moved("VOLTA_HOME", "~/.volta//tools/image/node/*/bin"),
    moved("SDKMAN_DIR", "~/.sdkman//candidates/java/*/bin"),
    moved("JABBA_HOME", "~/.jabba//jdk/*/bin"),
    moved("ASDF_DATA_DIR", "~/.asdf//installs/*/*/bin"),
    moved("MISE_DATA_DIR", "~/.local/share/mise//installs/*/*/bin"),
    moved("RUSTUP_HOME", "~/.rustup//toolchains/*/bin"),
    moved("PERLBREW_ROOT", "~/perl5/perlbrew//perls/*/bin"),
    at("~/.rvm/rubies/*/bin"),
    at("/usr/local/rvm/rubies/*/bin"),
];

/// Directories of stand-ins that choose a version when they are run: what they choose from is found by itself.
pub(super) const SHIMS: &[&str] = &["shims", ".volta/bin"];
