/// Eight bytes in a word: what the eight rows between the edges of a board hold.
namespace Rl.Core.Environments.MinAtar

/// Byte i of a word, for i in 0 … 7.
[<RequireQualifiedAccess>]
module internal EightBytes =

    let inline get (index: int) (word: uint64) : int = int (word >>> (8 * index)) &&& 255

    /// The word with byte i replaced by a value in 0 … 255.
    let inline set (index: int) (value: int) (word: uint64) : uint64 =
        word &&& ~~~(255UL <<< (8 * index)) ||| (uint64 value <<< (8 * index))
