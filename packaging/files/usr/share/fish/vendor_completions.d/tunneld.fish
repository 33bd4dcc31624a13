# fish completion for tunneld. Commands and options are asked of the program that is installed, so that none is missing here.

# Words and descriptions of a section ("Options:") of a help text on standard input.
function __tunneld_section
    awk -v wanted="$argv[1]" '
    function flush(  i, n, names) {
      n = split(name, names, ",")
      for (i = 1; i <= n; ++i) print names[i] "\t" text
      name = text = ""
    }
    /^[A-Z]/ { flush(); inside = ($0 == wanted) }
    inside && /^  [^ ]/ { flush(); name = $1; if (match($0, /[^ ]  +[^ ]/)) { text = substr($0, RSTART + 1); sub(/^ +/, "", text) } }
    inside && /^   / { sub(/^ +/, ""); text = text (text == "" ? "" : " ") $0 }
    END { flush() }'
end

function __tunneld_interfaces
    for socket in /run/tunneld/*.sock
        basename $socket .sock
    end
end

# Names in a JSON document on standard input.
function __tunneld_names
    sed -n 's/^ *"name": "\(.*\)",\{0,1\}$/\1/p'
end

function __tunneld_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l found
    set -l help (tunneld --help 2>/dev/null)
    for word in $words[2..-1]
        if printf '%s\n' $help | __tunneld_section Subcommands: | cut -f 1 | grep -qxF -e $word
            set -a found $word
            set help (tunneld $found --help 2>/dev/null)
        end
    end
    switch "$found,$words[-1]"
        case '*,--config'
            __fish_complete_suffix .yaml
        case '*,--dir' '*,--out' 'import,-o'
            __fish_complete_directories $current
        case '*,-o'
            __fish_complete_path $current
        case '*,--log-level'
            printf '%s\n' trace debug info warning error
        case '*,--for'
            printf '%s\n' session configured
        case '*,--interface'
            __tunneld_interfaces
        case '*'
            if string match -q -- '-*' $current
                printf '%s\n' $help | __tunneld_section Options:
                return
            end
            switch "$found"
                case status wait down reload cleanup
                    __tunneld_interfaces
                case doctor
                    tunneld status --json 2>/dev/null | __tunneld_names
                case 'client remove' export
                    tunneld client list --json 2>/dev/null | __tunneld_names
                case import
                    __fish_complete_suffix .conf
                case '*'
                    printf '%s\n' $help | __tunneld_section Subcommands:
            end
    end
end

complete -c tunneld -f -a '(__tunneld_complete)'
