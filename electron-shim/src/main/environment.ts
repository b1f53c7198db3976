/** The environment of the backend: an allow-list, because the parent's own poisons Python. */

type Environment = Readonly<Record<string, string | undefined>>;

// MCP's lists (SDK 1.32), plus what temporary files, locale and time zone need.
const allowed: readonly string[] = [
  ...['HOME', 'LOGNAME', 'PATH', 'SHELL', 'TERM', 'USER'],
  ...['TMPDIR', 'LANG', 'LANGUAGE', 'TZ'],
  ...['APPDATA', 'HOMEDRIVE', 'HOMEPATH', 'LOCALAPPDATA', 'PROCESSOR_ARCHITECTURE'],
  ...['SYSTEMDRIVE', 'SYSTEMROOT', 'TEMP', 'USERNAME', 'USERPROFILE', 'PROGRAMFILES'],
  ...['WINDIR', 'COMSPEC', 'PATHEXT', 'TMP'],
];
const allowedPrefixes: readonly string[] = ['LC_', 'XDG_'];

const python: Readonly<Record<string, string>> = {
  PYTHONUTF8: '1',
  PYTHONUNBUFFERED: '1',
  PYTHONNOUSERSITE: '1',
};

/**
 * Choose what of *parent* the backend sees, and add *extra*.
 *
 * `PYTHON*`, `LD_*`, `DYLD_*` and `ELECTRON_*` never pass (electron.md failure mode 11); values
 * that start with `()` are exported shell functions and are dropped.
 */
export function backendEnvironment(
  parent: Environment,
  extra: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const passed: Record<string, string> = {};
  for (const [name, value] of Object.entries(parent)) {
    if (value !== undefined && isAllowed(name) && !value.startsWith('()')) {
      passed[name] = value;
    }
  }
  return { ...passed, ...python, ...extra };
}

function isAllowed(name: string): boolean {
  // Windows does not tell cases apart and spells some names in mixed case.
  const upper = name.toUpperCase();
  return allowed.includes(upper) || allowedPrefixes.some((prefix) => upper.startsWith(prefix));
}
