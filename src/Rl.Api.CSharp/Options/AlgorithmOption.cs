namespace Rl;

/// <summary>An option of an algorithm.</summary>
/// <param name="Name">Its name, as files and command lines have it.</param>
/// <param name="Default">Its default as text; empty for a list of nothing.</param>
/// <param name="Range">What it must be, for example <c>in [0, 1)</c> or <c>true or false</c>.</param>
/// <param name="Meaning">A sentence or two that say what it does.</param>
public sealed record AlgorithmOption(string Name, string Default, string Range, string Meaning);
