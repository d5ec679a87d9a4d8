-- Asks for the URLs of a file in turn: wrk -s wrk.lua BASE -- FILE. The stand-in for oha in a quick look.
local paths, at = {}, 0

function init(args)
    for url in io.lines(args[1]) do
        paths[#paths + 1] = url:gsub("^http://[^/]+", "")
    end
end

function request()
    at = at % #paths + 1
    return wrk.format("GET", paths[at])
end
