// Dates as headings of the list: today, yesterday, earlier.
const MONTH = new Intl.DateTimeFormat("en", { month: "long" });
const MONTH_AND_YEAR = new Intl.DateTimeFormat("en", { month: "long", year: "numeric" });

/** @param {Date} now @returns {(then: Date) => string} */
export function dayWords(now) {
  const today = midnight(now);
  return (then) => {
    const days = Math.round((today - midnight(then)) / 86_400_000);
    if (days <= 0) return "Today";
    if (days === 1) return "Yesterday";
    if (days <= 7) return "Last 7 days";
    if (days <= 30) return "Last 30 days";
    return (then.getFullYear() === now.getFullYear() ? MONTH : MONTH_AND_YEAR).format(then);
  };
}

/** @param {Date} day */
function midnight(day) {
  return new Date(day.getFullYear(), day.getMonth(), day.getDate()).getTime();
}
