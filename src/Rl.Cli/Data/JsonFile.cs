using System;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json;

namespace Rl.Cli.Data;

/// <summary>JSON files that people write: comments and trailing commas are allowed, a name that stands twice is not.
/// What is wrong with a file is told by its path, its place and a remedy.</summary>
internal static class JsonFile
{
    private const int ExcerptLength = 24;

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="what">What it should hold, such as "options".</param>
    /// <param name="example">An example of it, in a sentence.</param>
    /// <exception cref="IOException">It is not there, is a folder, or may not be read.</exception>
    /// <exception cref="InvalidDataException">It is no JSON, or an object of it has a name twice.</exception>
    public static JsonDocument Read(string path, string what, string example)
    {
        var bytes = Bytes(path);
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(
                bytes,
                new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
        }
        catch (JsonException error)
        {
            throw new InvalidDataException(
                $"{path} cannot be read as {what}: {Place(bytes, error)}. {example}", error);
        }

        if (Twice(document.RootElement) is { } name)
        {
            document.Dispose();
            throw new InvalidDataException(
                $"{path} cannot be read as {what}: it has \"{name}\" twice; give it once. {example}");
        }

        return document;
    }

    /// <summary>The bytes of a file.</summary>
    /// <exception cref="IOException">It is not there, is a folder, or may not be read; the message says so.</exception>
    public static byte[] Bytes(string path)
    {
        if (Directory.Exists(path))
        {
            throw new IOException($"{path} is a folder; name the file in it.");
        }

        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"There is no file {path}; check the path.");
        }

        try
        {
            return File.ReadAllBytes(path);
        }
        catch (UnauthorizedAccessException error)
        {
            throw new IOException($"{path} may not be read by this user; allow it (chmod u+r), or copy it.", error);
        }
    }

    /// <summary>Where a text stops being JSON, and what is there.</summary>
    private static string Place(byte[] bytes, JsonException error)
    {
        if (bytes.All(letter => char.IsWhiteSpace((char)letter)))
        {
            return "it is empty";
        }

        var (line, at) = ((int)(error.LineNumber ?? 0), (int)(error.BytePositionInLine ?? 0));
        var lines = Encoding.UTF8.GetString(bytes).Split('\n');
        var text = line < lines.Length ? Encoding.UTF8.GetBytes(lines[line].TrimEnd('\r')) : [];
        var rest = at < text.Length ? Encoding.UTF8.GetString(text[at..]).Trim() : "";
        var shown = rest.Length > ExcerptLength ? $"{rest[..ExcerptLength]}…" : rest;
        return FormattableString.Invariant($"it is no JSON from line {line + 1}, column {at + 1} on, ")
            + (shown.Length > 0 ? $"where {shown} stands" : "where it ends too early or lacks something")
            + ": names and texts stand in double quotes, and commas between members";
    }

    /// <summary>A name that an object within an element has twice; null for none.</summary>
    private static string? Twice(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object =>
            element.EnumerateObject().CountBy(member => member.Name, StringComparer.OrdinalIgnoreCase)
                .FirstOrDefault(one => one.Value > 1).Key
            ?? element.EnumerateObject().Select(member => Twice(member.Value)).FirstOrDefault(name => name is not null),
        JsonValueKind.Array => element.EnumerateArray().Select(Twice).FirstOrDefault(name => name is not null),
        _ => null,
    };
}
