using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;

namespace Rl.Cli.Commands;

/// <summary>What keys mean in an action space: each choice has one, or numbers are turned up and down and
/// taken.</summary>
internal abstract class KeyBindings
{
    /// <summary>The keys of choices; Esc leaves.</summary>
    private const string Choices = "0123456789abcdefghijklmnopqrstuvwxyz";

    /// <summary>The keys that turn a number up, and below each the one that turns it down.</summary>
    private const string Up = "qwertyuiop";

    private const string Down = "asdfghjkl;";

    /// <summary>What to press, for a person.</summary>
    public abstract string Legend { get; }

    /// <summary>What would be done now; empty where each key is an action.</summary>
    public virtual string Status => "";

    /// <summary>Tells a key, which may decide what to do: then the action is written.</summary>
    public abstract bool Press(ConsoleKeyInfo key, ReadOnlySpan<bool> mask, Span<float> action);

    /// <summary>The keys of a space's actions.</summary>
    /// <exception cref="NotSupportedException">There are more choices or numbers than keys, or numbers without
    /// bounds.</exception>
    public static KeyBindings Of(Space space)
    {
        if (space is DiscreteSpace discrete && discrete.Count <= Choices.Length)
        {
            return new OneKey(discrete);
        }

        var dials = space.Layout.SelectMany(Dials).ToArray();
        return dials.Length <= Up.Length && space is not DiscreteSpace
            ? new Dialled(dials)
            : throw new NotSupportedException(
                $"The actions are {space}, for which there are not enough keys: at most {Choices.Length} choices, or "
                    + $"{Up.Length} numbers. An Expert of yours can read other devices (Agent.Create(options, "
                    + "environment, expert, seed) in C#).");
    }

    private static IEnumerable<Dial> Dials(SpacePart part) => part.Space switch
    {
        BoxSpace box => box.Low.Zip(box.High, Levels).Select(levels => new Dial(levels, levels.Length / 2)),
        DiscreteSpace discrete => [Whole(discrete.Start, discrete.Count)],
        MultiDiscreteSpace several => several.Starts.Zip(several.Counts, Whole),
        _ => Enumerable.Range(0, part.Space.Size).Select(_ => Whole(0, 2)),
    };

    private static Dial Whole(int start, int count) =>
        new(Enumerable.Range(start, count).Select(value => (float)value).ToArray(), 0);

    private static float[] Levels(float low, float high) =>
        float.IsFinite(low) && float.IsFinite(high)
            ? [low, low + (0.25f * (high - low)), low + (0.5f * (high - low)), high - (0.25f * (high - low)), high]
            : throw new NotSupportedException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"An action has a number in [{low}, {high}], which no keys can be put to; use an environment whose "
                        + $"numbers have finite bounds, or the wrapper RescaleAction."));

    /// <summary>A number that is turned up and down; it stays where it is until it is turned again.</summary>
    private sealed class Dial(float[] levels, int first)
    {
        private int place = first;

        public float Value => levels[place];

        public void Turn(int by) => place = Math.Clamp(place + by, 0, levels.Length - 1);
    }

    /// <summary>One key a choice; with two or three of them the arrows too.</summary>
    private sealed class OneKey(DiscreteSpace space) : KeyBindings
    {
        public override string Legend
        {
            get
            {
                var arrows = space.Count switch
                {
                    2 => ", or ← and →",
                    3 => ", or ←, ↓ and →",
                    _ => "",
                };
                var most = Choices[space.Count - 1];
                return $"press {(space.Count == 1 ? "0" : $"0 to {most}")}{arrows}; Esc ends";
            }
        }

        public override bool Press(ConsoleKeyInfo key, ReadOnlySpan<bool> mask, Span<float> action)
        {
            var choice = (key.Key, space.Count) switch
            {
                (ConsoleKey.LeftArrow, 2 or 3) => 0,
                (ConsoleKey.DownArrow, 3) => 1,
                (ConsoleKey.RightArrow, 2 or 3) => space.Count - 1,
                _ => Choices.IndexOf(char.ToLowerInvariant(key.KeyChar), StringComparison.Ordinal),
            };
            if (choice < 0 || choice >= space.Count || (!mask.IsEmpty && !mask[choice]))
            {
                return false;
            }

            action[0] = space.Start + choice;
            return true;
        }
    }

    /// <summary>A pair of keys for each number, and one that takes them all.</summary>
    private sealed class Dialled(Dial[] dials) : KeyBindings
    {
        public override string Legend =>
            dials.Length == 1
                ? "→ or q up, ← or a down, Space takes it; Esc ends"
                : $"{Spaced(Up)} up, {Spaced(Down)} down, Space takes them; Esc ends";

        public override string Status => string.Join(
            "  ", dials.Select(dial => dial.Value.ToString("0.###", CultureInfo.InvariantCulture)));

        public override bool Press(ConsoleKeyInfo key, ReadOnlySpan<bool> mask, Span<float> action)
        {
            if (key.Key is ConsoleKey.Spacebar or ConsoleKey.Enter)
            {
                for (var index = 0; index < dials.Length; index++)
                {
                    action[index] = dials[index].Value;
                }

                return true;
            }

            var letter = char.ToLowerInvariant(key.KeyChar);
            var up = Up.IndexOf(letter, StringComparison.Ordinal);
            var down = Down.IndexOf(letter, StringComparison.Ordinal);
            if (dials.Length == 1 && key.Key is ConsoleKey.RightArrow or ConsoleKey.LeftArrow)
            {
                (up, down) = key.Key == ConsoleKey.RightArrow ? (0, -1) : (-1, 0);
            }

            if (up >= 0 && up < dials.Length)
            {
                dials[up].Turn(1);
            }

            if (down >= 0 && down < dials.Length)
            {
                dials[down].Turn(-1);
            }

            return false;
        }

        private string Spaced(string keys) => string.Join(' ', keys.Take(dials.Length));
    }
}
