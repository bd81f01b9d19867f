/// Files that appear whole or not at all: written beside their place under a name that nobody can foresee, then moved
/// there.
namespace Rl.Core.Foundations

open System
open System.IO
open System.Security.Cryptography

/// A file in the making. It is written under a random name in the folder of its place, made anew there, so that no two
/// writers meet in one file and no link that lies there is followed; `Keep` moves it to its place. Disposed without
/// that, it is gone and an earlier file is as it was.
[<Sealed>]
type WholeFile private (path: string, temporary: string, stream: FileStream) =
    let mutable isKept = false

    static let markLength = 16

    /// A writer that is done closes its file a moment before it moves it.
    static let leastAge = TimeSpan.FromMinutes 5.0

    static let refused (path: string) (error: exn) = IOException($"{path} cannot be written: {error.Message}", error)

    static let isRefusal (error: exn) =
        match error with
        | :? IOException
        | :? UnauthorizedAccessException
        | :? NotSupportedException -> true
        // What .NET says of a file that grows beyond what its file system or a limit of the process allows.
        | :? ArgumentOutOfRangeException as error -> error.ParamName = "value"
        | _ -> false

    /// Whether a file is open elsewhere to one who shares it with nobody: EWOULDBLOCK of Linux and of others, or
    /// Windows's sharing violation.
    static let isHeld (error: IOException) = error.HResult = 11 || error.HResult = 35 || error.HResult = 0x80070020

    /// Whether something is there that is neither a file nor a link: a device, a pipe. They have no length; an empty
    /// file lets it be set.
    static let isSpecial (path: string) =
        let info = FileInfo path

        if not info.Exists || not (isNull info.LinkTarget) || info.Length > 0L then
            false
        else
            try
                use stream =
                    new FileStream(
                        path,
                        FileMode.Open,
                        FileAccess.ReadWrite,
                        FileShare.ReadWrite ||| FileShare.Delete,
                        0
                    )

                if stream.CanSeek then stream.SetLength stream.Length
                not stream.CanSeek
            with
            | :? UnauthorizedAccessException -> false
            | :? IOException as error -> not (isHeld error)

    /// The rests of interrupted writers of `path`, each with the mark in its name.
    static let rests (path: string) =
        let name = FileInfo(path).Name

        match FileInfo(path).Directory with
        | null -> [||]
        | folder when folder.Exists ->
            [|
                for rest in folder.EnumerateFiles "*.tmp" do
                    if
                        rest.Name.StartsWith(name + ".", StringComparison.Ordinal) && rest.Name.Length > name.Length + 5
                    then
                        let mark = rest.Name.Substring(name.Length + 1, rest.Name.Length - name.Length - 5)

                        if Seq.forall Char.IsAsciiHexDigitLower mark then struct (rest, mark)
            |]
        | _ -> [||]

    /// Deletes the rests that nobody writes any more: old ones that open to one who shares with nobody, as a writer
    /// does. What cannot be deleted is no reason not to write.
    static let removeAbandoned (path: string) =
        let removeIfFree (rest: FileInfo) =
            try
                use _ = new FileStream(rest.FullName, FileMode.Open, FileAccess.ReadWrite, FileShare.Delete, 0)

                rest.Delete()
            with error when isRefusal error ->
                ()

        let isOld (rest: FileInfo) = DateTime.UtcNow - rest.LastWriteTimeUtc > leastAge

        try
            for struct (rest, mark) in rests path do
                if mark.Length = markLength && isNull rest.LinkTarget && isOld rest then
                    removeIfFree rest
        with error when isRefusal error ->
            ()

    static let create (path: string) =
        if Directory.Exists path then raise (IOException "it is a folder.")

        if isSpecial path then
            raise (IOException "it is a device or a pipe, not a file.")

        let folder =
            match Path.GetDirectoryName path with
            | null -> raise (IOException "it is a folder.")
            | folder -> folder

        Directory.CreateDirectory folder |> ignore
        let temporary = $"{path}.{RandomNumberGenerator.GetHexString(markLength, true)}.tmp"
        temporary, new FileStream(temporary, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None)

    /// Begins to write the file `path`; missing folders are made, and what killed writers of it have left five minutes
    /// ago or earlier is deleted. `IOException`, which names the path, if it cannot be
    /// written.
    static member Create(path: string) : WholeFile =
        if String.IsNullOrEmpty path then
            Guard.fail (nameof path) "The path is empty; name a file."

        let path = Path.GetFullPath path

        try
            let temporary, stream = create path
            removeAbandoned path
            new WholeFile(path, temporary, stream)
        with error when isRefusal error ->
            raise (refused path error)

    /// Writes the file `path` as `write` fills its stream. `IOException`, which names the path, if it cannot be
    /// written.
    static member Write(path: string, write: Action<Stream>) : unit =
        use file = WholeFile.Create path

        try
            write.Invoke file.Stream
        with error when isRefusal error ->
            raise (refused file.Path error)

        file.Keep()

    /// Writes a text in UTF-8.
    static member WriteText(path: string, text: string) : unit =
        WholeFile.Write(path, (fun stream -> stream.Write(ReadOnlySpan(Text.Encoding.UTF8.GetBytes text))))

    /// Deletes what an interrupted `Write` of `path` has left beside it. Only for one who knows that no other process
    /// writes there.
    static member RemoveRests(path: string) : unit =
        // Earlier versions used the number of the process as the mark.
        for struct (rest, _) in rests (Path.GetFullPath path) do
            rest.Delete()

    /// The file's place, as a full path.
    member _.Path = path

    /// Where to write.
    member _.Stream = stream

    /// Brings the file to the disk and moves it to its place, over an earlier one.
    member _.Keep() : unit =
        try
            stream.Flush true
            stream.Dispose()
            File.Move(temporary, path, true)
            isKept <- true
        with error when isRefusal error ->
            raise (refused path error)

    interface IDisposable with
        member _.Dispose() =
            if not isKept then
                try
                    stream.Dispose()
                with error when isRefusal error ->
                    // A full disk refuses the rest of the buffer; the file is deleted anyway.
                    ()

                File.Delete temporary
