/// Files that appear whole or not at all: under writers at once, links, devices and rests of killed writers.
module Rl.Tests.Training.WholeFileTests

open System
open System.IO
open System.Threading
open System.Threading.Tasks
open Xunit
open Rl.Core.Foundations

let private inFolder (action: string -> unit) =
    let folder = Directory.CreateTempSubdirectory "rl-whole-file-"

    try
        action folder.FullName
    finally
        folder.Delete true

[<Fact>]
let ``writers and readers of one path at once see whole files only, and none is refused`` () =
    inFolder (fun folder ->
        let path = Path.Combine(folder, "file")
        let size = 200_000
        let write (value: byte) = WholeFile.Write(path, (fun stream -> stream.Write(Array.create size value, 0, size)))
        write 0uy
        let mutable isDone = false

        let reader =
            Task.Run(fun () ->
                let mutable reads = 0

                while not (Volatile.Read &isDone) || reads < 20 do
                    let bytes = File.ReadAllBytes path
                    Assert.Equal(size, bytes.Length)
                    Assert.Equal(-1, bytes.AsSpan().IndexOfAnyExcept bytes[0])
                    reads <- reads + 1)

        let writers =
            [|
                for writer in 1..3 ->
                    Task.Run(fun () ->
                        for _ in 1..25 do
                            write (byte writer))
            |]

        Assert.True(Task.WaitAll(writers, TimeSpan.FromSeconds 60.0))
        Volatile.Write(&isDone, true)
        Assert.True(reader.Wait(TimeSpan.FromSeconds 30.0))
        Assert.Equal<string[]>([| path |], Directory.GetFileSystemEntries folder))

[<Fact>]
let ``a failed write leaves the earlier file and nothing else`` () =
    inFolder (fun folder ->
        let path = Path.Combine(folder, "file")
        WholeFile.WriteText(path, "earlier")

        let error =
            Assert.Throws<IOException>(fun () ->
                WholeFile.Write(
                    path,
                    fun stream ->
                        stream.WriteByte 1uy
                        raise (IOException "No space left on device")
                ))

        Assert.Contains(path, error.Message)
        Assert.Equal("earlier", File.ReadAllText path)
        Assert.Equal<string[]>([| path |], Directory.GetFileSystemEntries folder))

[<Fact>]
let ``links beside the file are not written through, and one in its place is replaced`` () =
    if not (OperatingSystem.IsWindows()) then
        inFolder (fun folder ->
            let victim = Path.Combine(folder, "victim")
            File.WriteAllText(victim, "mine")
            let path = Path.Combine(folder, "agent.rl")
            // The name that earlier versions used.
            File.CreateSymbolicLink($"{path}.{Environment.ProcessId}.tmp", victim) |> ignore
            WholeFile.WriteText(path, "agent")
            Assert.Equal("mine", File.ReadAllText victim)
            File.Delete path
            File.CreateSymbolicLink(path, victim) |> ignore
            WholeFile.WriteText(path, "agent")
            Assert.Equal("mine", File.ReadAllText victim)
            Assert.Equal("agent", File.ReadAllText path))

[<Fact>]
let ``devices, pipes and folders are refused by name`` () =
    let refused (path: string) =
        let error = Assert.Throws<IOException>(fun () -> WholeFile.WriteText(path, "text"))
        Assert.Contains($"{path} cannot be written", error.Message)

    inFolder (fun folder -> refused folder)

    if OperatingSystem.IsLinux() then
        inFolder (fun folder ->
            let pipe = Path.Combine(folder, "pipe")
            use made = Diagnostics.Process.Start("mkfifo", pipe)
            made.WaitForExit()
            refused pipe
            refused "/dev/full"
            refused "/dev/null")

[<Fact>]
let ``an empty file is a file, and is replaced`` () =
    inFolder (fun folder ->
        let path = Path.Combine(folder, "file")
        File.WriteAllText(path, "")
        WholeFile.WriteText(path, "text")
        Assert.Equal("text", File.ReadAllText path))

[<Fact>]
let ``rests of killed writers go, and nothing else does`` () =
    inFolder (fun folder ->
        let name text = Path.Combine(folder, text)

        for text in
            [ "agent.rl"; "agent.rl.1234.tmp"; "agent.rl.0123456789abcdef.tmp"; "agent.rl.mine.tmp"; "other.tmp" ] do
            File.WriteAllText(name text, "")

        WholeFile.RemoveRests(name "agent.rl")

        Assert.Equal<string[]>(
            [| "agent.rl"; "agent.rl.mine.tmp"; "other.tmp" |],
            Directory.GetFiles folder |> Array.map (fun file -> FileInfo(file).Name) |> Array.sort
        ))

[<Fact>]
let ``a write deletes what killed writers of its file have left, and nothing that is written or young`` () =
    inFolder (fun folder ->
        let name text = Path.Combine(folder, text)
        let rest (mark: string) = name $"agent.rl.{mark}.tmp"
        let old, held, young = "0123456789abcdef", "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"
        let others = [ "agent.rl.1234.tmp"; "agent.rl.mine.tmp"; "best.rl.0123456789abcdef.tmp" ]

        for path in [ rest old; rest held; rest young; yield! List.map name others ] do
            File.WriteAllText(path, "half")

            if path <> rest young then
                File.SetLastWriteTimeUtc(path, DateTime.UtcNow - TimeSpan.FromMinutes 6.0)

        use _ = new FileStream(rest held, FileMode.Open, FileAccess.ReadWrite, FileShare.None)
        WholeFile.WriteText(name "agent.rl", "whole")

        Assert.Equal<string[]>(
            Array.sort [| "agent.rl"; $"agent.rl.{held}.tmp"; $"agent.rl.{young}.tmp"; yield! others |],
            Directory.GetFiles folder |> Array.map (fun file -> FileInfo(file).Name) |> Array.sort
        ))

[<Fact>]
let ``an empty file that another holds open is no device`` () =
    inFolder (fun folder ->
        let path = Path.Combine(folder, "file")
        use held = new FileStream(path, FileMode.Create, FileAccess.ReadWrite, FileShare.None)

        if OperatingSystem.IsWindows() then
            let error = Assert.Throws<IOException>(fun () -> WholeFile.WriteText(path, "text"))
            Assert.DoesNotContain("device", error.Message)
        else
            // Whoever holds the earlier file keeps it.
            WholeFile.WriteText(path, "text")
            Assert.Equal("text", File.ReadAllText path)
            Assert.Equal(0L, held.Length))
